import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChildUnder } from './support/child.js';
import { ids } from './support/fabric.js';
import { limits } from './support/limits.js';
import { run } from './support/run.js';

// With `exclusive`, an RDMA device is seen in one network namespace only, and `unshare` makes one that has none.
beforeAll(() => run('rdma', ['system', 'set', 'netns', 'exclusive']));
afterAll(() => run('rdma', ['system', 'set', 'netns', 'shared']));

it('without an RDMA device an attach fails at once and says what is missing', async () => {
  const child = await startChildUnder(['unshare', '--net'], 'no-device.mjs', ids.disk0);
  const { code, stdout } = await child.ended;
  const { error, message, ms } = JSON.parse(stdout);
  expect(error).toBe('ERR_SPDK_NO_RDMA_DEVICE');
  expect(message).toContain('rdma link');
  expect(ms).toBeLessThan(limits.response);
  expect(code).toBe(0);
});
