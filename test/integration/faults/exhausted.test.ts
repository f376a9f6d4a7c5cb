// Memory or file descriptors run out, in the middle of an attach or of I/O: an error with a code, a process that goes on,
// and everything as before once there is enough again. Limits at every other step: limits.test.ts.

import { expect, it } from 'vitest';
import { startChildUnder } from '../support/child.js';
import { ids } from '../support/fabric.js';
import { limits } from '../support/limits.js';
import { expectNothingHeld } from '../support/rdma.js';

interface Outcome {
  readonly outcome: string;
  readonly ms: number;
}

/** Runs the child under a command that limits one of its resources; returns the lines that it prints. */
async function linesUnder(prefix: readonly string[], what: string): Promise<Record<string, unknown>[]> {
  const child = await startChildUnder(prefix, 'exhausted.mjs', JSON.stringify({ id: ids.disk0, what }));
  const { code, signal, stdout, stderr } = await child.ended;
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  await expectNothingHeld();
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Expects an error code in time, or success if the resource was sufficient after all. */
function expectCoded({ outcome, ms }: Outcome): void {
  expect(outcome).toMatch(/^(ok|ERR_SPDK_\w+)$/);
  expect(outcome).not.toMatch(/TIMEOUT|WEDGED|INTERNAL/);
  expect(ms).toBeLessThan(limits.attach + limits.detach);
}

it('hugepages', async () => {
  const [first, io, ...rest] = await linesUnder([], 'hugepages');
  expect(first).toMatchObject({ outcome: 'ok' });
  expect(io).toMatchObject({
    inIo: { outcome: 'ERR_SPDK_NO_MEMORY' },
    stillServes: { outcome: 'ok' },
    state: 'attached',
  });
  const rounds = rest.slice(0, -1) as unknown as Outcome[];
  expect(rounds[0]?.outcome).not.toBe('ok');
  for (const round of rounds) expectCoded(round);
  expect(rest.at(-1)).toMatchObject({ after: { outcome: 'ok' } });
});

it('file descriptors', async () => {
  const [first, ...rest] = await linesUnder(['prlimit', '--nofile=512'], 'descriptors');
  expect(first).toMatchObject({ outcome: 'ok' });
  const attempts = rest.slice(0, -1) as unknown as Outcome[];
  expect(attempts[0]?.outcome).toBe('ERR_SPDK_NO_DESCRIPTORS');
  for (const attempt of attempts) expectCoded(attempt);
  expect(rest.at(-1)).toMatchObject({ after: { outcome: 'ok' } });
});
