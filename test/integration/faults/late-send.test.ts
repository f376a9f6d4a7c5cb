// An RDMA device reports the success of a send after the failure of its queue pair.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { startChildUnder } from '../support/child.js';
import { ids } from '../support/fabric.js';
import { expectNothingHeld } from '../support/rdma.js';

const library = fileURLToPath(new URL('../../../build/native/liblate_send.so', import.meta.url));

beforeAll(() => {
  if (!existsSync(library)) throw new Error(`${library} is not built; build it with: npm run test:native`);
});

it('fails the controller, and the process goes on', async () => {
  const child = await startChildUnder(['env', `LD_PRELOAD=${library}`], 'late-send.mjs', ids.disk0);
  const { code, signal, stdout, stderr } = await child.ended;
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  expect(stderr).toContain('a late send\n');
  const { state, codes } = JSON.parse(stdout);
  expect(state).toBe('detached');
  expect(codes).toContain('ERR_SPDK_IO_FAILED');
  for (const how of codes) expect(how).toMatch(/^ERR_SPDK_(IO_FAILED|CONTROLLER_FAILED)$/);
  await expectNothingHeld();
});
