// Verbs against a disk in memory: what they send, print and end with.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { run } from '../../cli/program.js';
import { type MemoryNamespace, type Simulation, simulate } from '../../lib/testing/index.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:disk';
const words = ['-t', 'tcp', '-a', '127.0.0.1', '-s', '4420', '-n', nqn];
let simulation: Simulation;
let disk: MemoryNamespace;

beforeEach(() => {
  simulation = simulate();
  disk = simulation.addTarget().addSubsystem(nqn).addNamespace(1, { blocks: 64 });
});
afterEach(() => {
  vi.restoreAllMocks();
  simulation.restore();
  process.exitCode = 0;
});

async function verb(...given: string[]): Promise<{ status: number; out: string; err: string }> {
  let err = '';
  const out: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  const output = { writeOut: (text: string) => out.push(text), writeErr: (text: string) => (err += text) };
  const [name = '', ...rest] = given;
  const status = await run([name, ...words, ...rest], output);
  vi.restoreAllMocks();
  return { status, out: out.join(''), err };
}

const blockOf = (text: string) => Buffer.alloc(512, text);
const stored = (block: number) => Buffer.from(disk.data.subarray(block * 512, (block + 1) * 512)).toString();

it('copy copies ranges', async () => {
  for (const [i, text] of ['a', 'b', 'c'].entries()) disk.data.set(blockOf(text), i * 512);
  const copied = await verb('copy', '--sdlba', '10', '--slbs', '1,0', '--blocks', '1,0', '-f', '-l');
  expect(copied).toEqual({ status: 0, out: 'NVMe Copy: success\n', err: '' });
  expect([10, 11, 12].map(stored)).toEqual(['b', 'c', 'a'].map((text) => blockOf(text).toString()));
});

it('copy ends with the code of what it cannot do', async () => {
  const { status, err } = await verb('copy', '--sdlba', '63', '--slbs', '0', '--blocks', '1');
  expect([status, err]).toEqual([1, expect.stringContaining('ERR_SPDK_OUT_OF_RANGE')]);
});
