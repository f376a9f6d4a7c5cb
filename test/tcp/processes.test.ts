// Processes with SPDK on one machine need nothing of each other, and nothing that another one has left.

import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { beforeAll, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';

const program = fileURLToPath(new URL('children/opens.mjs', import.meta.url));
const atOnce = 8;

beforeAll(() => ensureHugepages(atOnce * 64));

it('many start at once', async () => {
  const open = () => execa(process.execPath, [program], { reject: false });
  const ended = await Promise.all(Array.from({ length: atOnce }, open));
  expect(ended.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual(
    ended.map(() => ({ exitCode: 0, stderr: '' })),
  );
});

it('one starts where the socket of DPDK’s telemetry belongs to somebody else', async () => {
  // In this mount namespace it cannot be removed, as that of another user in a folder like /tmp.
  const socket = '/tmp/dpdk_telemetry.v2';
  const script = `touch ${socket} && mount --bind "$1" ${socket} && exec "$0" "$1"`;
  const words = ['--mount', 'sh', '-c', script, process.execPath, program];
  const { exitCode, stderr } = await execa('unshare', words, { reject: false });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

it('one starts without any right of root’s, beside a hugetlbfs that it may not open', async () => {
  const mount = 'umount --all --types hugetlbfs; mount -t hugetlbfs -o uid=65534,mode=700 none /mnt';
  // The user is the same, so that it can read this checkout.
  const script = `${mount} && exec setpriv --bounding-set=-all --inh-caps=-all "$0" "$1"`;
  const words = ['--mount', 'sh', '-c', script, process.execPath, program];
  const { exitCode, stderr } = await execa('unshare', words, { reject: false });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

it('one starts that may not run on the first CPU, as in a container that has some of them', async () => {
  const elsewhere = fileURLToPath(new URL('children/opens-elsewhere.mjs', import.meta.url));
  const last = String(os.availableParallelism() - 1);
  const { exitCode, signal, stderr } = await execa(process.execPath, [elsewhere, last], { reject: false });
  expect({ exitCode, signal, stderr }).toEqual({ exitCode: 0, signal: undefined, stderr: '' });
});

it.each([
  ['no /proc', 'umount --lazy /proc', '/proc is not mounted'],
  ['a /proc of processes alone', 'mount -t proc -o subset=pid proc /proc', 'ProcSubset=all'],
  ['no /sys', 'umount --lazy /sys', '/sys is not mounted'],
])('one that has %s says so', async (_, change, problem) => {
  const words = ['--mount', 'sh', '-c', `${change} && exec "$0" "$1"`, process.execPath, program];
  const { exitCode, stderr } = await execa('unshare', words, { reject: false });
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(problem) });
});
