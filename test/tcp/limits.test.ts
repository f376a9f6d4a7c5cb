import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limitsMatrix, limitsOfProcess } from '../integration/suites/limits.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { release } from '../integration/support/release.js';

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
  // With newer SPDK (seen: v24.09) the first attach takes more than eight: each poller has groups of sockets.
  const task = JSON.stringify({ id, what: 'descriptors', fresh, most: 16 });
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
  for (const { outcome } of lines.slice(0, -1)) expect(outcome).toMatch(/^(ok|ERR_SPDK_NO_DESCRIPTORS)$/);
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

it('too little for a file, which hugepages are to the kernel', () => {
  const program = fileURLToPath(new URL('children/opens.mjs', import.meta.url));
  for (const bytes of [0, 1 << 20]) {
    const { status, stderr } = spawnSync('prlimit', [`--fsize=${bytes}`, process.execPath, program], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('ERR_SPDK_ENV_INIT_FAILED'),
    });
    expect(stderr).toContain('ulimit -f');
  }
});

/** Runs the program with a seccomp filter that makes system calls fail with EPERM. */
const forbidding = `
import ctypes, os, struct, sys
calls = [int(word) for word in sys.argv[1].split(',')]
steps = [(0x20, 0, 0, 0)]
steps += [(0x15, len(calls) - at, 0, call) for at, call in enumerate(calls)]
steps += [(0x06, 0, 0, 0x7fff0000), (0x06, 0, 0, 0x00050001)]
code = b''.join(struct.pack('HBBI', *step) for step in steps)
buffer = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxQ', len(steps), ctypes.addressof(buffer))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0): sys.exit('no seccomp')
os.execv(sys.argv[2], sys.argv[2:])
`;
function openForbidden(calls: readonly number[]) {
  const program = fileURLToPath(new URL('children/opens.mjs', import.meta.url));
  const words = ['-c', forbidding, calls.join(','), process.execPath, program];
  return spawnSync('python3', words, { encoding: 'utf8', timeout: 30_000 });
}

it('a seccomp filter without the calls for NUMA nodes, as Docker has', () => {
  // mbind, set_mempolicy, get_mempolicy of x86-64.
  const { status, stderr } = openForbidden([237, 238, 239]);
  // Whether DPDK can do without them depends on libnuma.
  if (status === 0) return;
  expect(stderr).toMatch(/seccomp .*SYS_NICE/);
  expect(stderr).toContain('ERR_SPDK_ENV_INIT_FAILED');
});

it('a seccomp filter without fallocate() is not taken for a limit of the cgroup', () => {
  const { status, stderr } = openForbidden([285]);
  expect(stderr).not.toContain('cgroup');
  // From v26.01 on SPDK's memory is in files that have to be enlarged.
  if (release() < 2601) expect(status).toBe(0);
  else expect(stderr).toContain('ERR_SPDK_ENV_INIT_FAILED');
});
