import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limitsMatrix, limitsOfProcess } from '../integration/suites/limits.js';
import { expectNoConnections } from '../integration/suites/target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:limited';
const id = `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4613 subnqn:${nqn}`;

let target: SpdkTarget;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener: { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4613' },
    sharedBuffers: 511,
    subsystems: [{ nqn, serial: 'LIMITED', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(256);
});

afterAll(() => target.stop('SIGKILL'));

limitsMatrix(
  () => ({ id, expectNothingHeld: () => expectNoConnections(['4613']), limitMs: 15_000 }),
  limitsOfProcess,
);

/** The lines of a child that attaches with no descriptor left, then with one, and so on. */
function attachesWithFewDescriptors(fresh: boolean): Record<string, unknown>[] {
  const program = fileURLToPath(new URL('../integration/children/exhausted.mjs', import.meta.url));
  const task = JSON.stringify({ id, what: 'descriptors', fresh });
  const { status, stdout, stderr } = spawnSync('prlimit', ['--nofile=512', process.execPath, program, task], {
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ after: { outcome: 'ok' } });
  return lines;
}

it('no more descriptors, where the address has just responded and is not checked again', () => {
  const [first, none] = attachesWithFewDescriptors(false);
  expect(first).toMatchObject({ outcome: 'ok' });
  expect(none).toMatchObject({ spare: 0, outcome: 'ERR_SPDK_NO_DESCRIPTORS' });
});

it('no more descriptors, where the connections of the environment are not watched yet', () => {
  const [none, ...rest] = attachesWithFewDescriptors(true);
  expect(none).toMatchObject({ spare: 0, outcome: 'ERR_SPDK_NO_DESCRIPTORS' });
  // Too few descriptors to watch the sockets do not make an attach fail.
  expect(rest.map(({ outcome }) => outcome)).toContain('ok');
});

it('too little address space for SPDK', () => {
  const program = fileURLToPath(new URL('children/opens.mjs', import.meta.url));
  // In DPDK's own loop, which does not end, a signal is the only way out.
  const { status, stderr } = spawnSync('prlimit', ['--as=8000000000', process.execPath, program], {
    encoding: 'utf8',
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringContaining('ERR_SPDK_ENV_INIT_FAILED'),
  });
  expect(stderr).toContain('ulimit -v');
});
