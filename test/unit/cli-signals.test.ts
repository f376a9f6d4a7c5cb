// A signal at the moments of a verb at which nothing else is under way than its start or its end, or at which something fails.

import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { Environment } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { MemoryAddon } from '../../lib/testing/addon.js';
import { type MemorySubsystem, simulate } from '../../lib/testing/index.js';
import { killedAtEnd } from '../integration/support/killed-at-end.js';
import { runVerb } from './memory/command-line.js';

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof import('node:child_process')>();
  return { ...real, spawn: vi.fn(real.spawn) };
});

const nqn = 'nqn.2026-11.dev.spdk-nvme:signals';
const target = ['-t', 'tcp', '-a', '127.0.0.1', '-s', '4420', '-n', nqn];

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** Does work with a target in memory. */
async function simulated<Result>(work: (subsystem: MemorySubsystem) => Promise<Result>): Promise<Result> {
  const simulation = simulate();
  try {
    const subsystem = simulation.addTarget({ traddr: '127.0.0.1', trsvcid: '4420' }).addSubsystem(nqn);
    subsystem.addNamespace(1);
    return await work(subsystem);
  } finally {
    simulation.restore();
  }
}

class SlowAddon extends MemoryAddon {
  override open(): void {
    setTimeout(() => process.emit('SIGINT'), 50);
  }
}

it.each(['list-ns', 'discover', 'perf', 'stress'])(
  'while SPDK starts, which takes long where much memory has to be cleared, ends %s',
  { timeout: 10_000 },
  async (verb) => {
    const before = useAddon(new SlowAddon());
    try {
      const words = verb === 'discover' ? target.slice(0, 6) : target;
      const begun = performance.now();
      expect(await runVerb([verb, ...words])).toMatchObject({ status: 130 });
      expect(performance.now() - begun).toBeLessThan(5_000);
    } finally {
      useAddon(before);
    }
  },
);

it.each(['list-ns', 'stress'])('before the start of SPDK fails is the reason why %s ends', async (verb) => {
  vi.spyOn(Environment, 'init').mockImplementation(async () => {
    process.emit('SIGINT');
    throw new Error('no memory');
  });
  const { status, stderr } = await runVerb([verb, ...target]);
  expect({ status, stderr }).toEqual({ status: 130, stderr: verb === 'stress' ? 'Warming up\n' : '' });
});

it.each([
  ['has failed', 'list-ns', ['-s', '4499']],
  ['is done', 'list-ns', ['-s', '4420']],
])('while the environment of a verb is closed that %s', async (_, verb, port) => {
  const words = [verb, ...target.filter((word) => !['-s', '4420'].includes(word)), ...port];
  vi.spyOn(Environment.prototype, 'close').mockImplementation(async () => {
    process.emit('SIGTERM');
    await sleep(5_000);
  });
  const begun = performance.now();
  const { status, stderr } = await simulated(() => runVerb(words));
  expect({ status, stderr }).toEqual({ status: 143, stderr: '' });
  expect(performance.now() - begun).toBeLessThan(4_000);
});

it('stress counts nothing as a failure that is left behind by a signal', async () => {
  const { status, stdout, stderr } = await simulated(async (subsystem) => {
    subsystem.target.silent = true;
    setTimeout(() => process.emit('SIGINT'), 300);
    return runVerb(['stress', ...target, '-o', 'json']);
  });
  const { findings, failuresByCode, events } = JSON.parse(stdout.toString());
  expect({ status, stderr, findings, failuresByCode, events }).toEqual({
    ...{ status: 130, stderr: 'Warming up\n' },
    ...{ findings: [], failuresByCode: {}, events: [] },
  });
});

it('during the start of its child reaches build, which must not leave the child', async () => {
  const before = process.listenerCount('SIGINT');
  let heard = false;
  vi.mocked(spawn).mockImplementationOnce(() => {
    heard = process.listenerCount('SIGINT') > before;
    const child = new EventEmitter();
    setImmediate(() => child.emit('exit', 0, null));
    return child as ChildProcess;
  });
  expect(await runVerb(['build'])).toMatchObject({ status: 0 });
  expect(heard).toBe(true);
});

it('ends a process whose output has a reader that has stopped', { timeout: 20_000 }, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-signals-'));
  const file = path.join(folder, 'socket');
  const snapshot = {
    ...{ schema: 1, pid: 1, program: 'x'.repeat(1 << 20), monotonicMs: 1 },
    ...{ memory: { usedBytes: 1, totalBytes: 2 }, controllers: [] },
  };
  const server = createServer((socket) => socket.end(JSON.stringify(snapshot))).listen(file);
  try {
    const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const words = ['--import', 'tsx', main, 'top', file, '-o', 'json'];
    const child = killedAtEnd(spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] }));
    await once(child.stdout, 'readable');
    // Nothing reads the rest of it. The verb has ended now, and the process has not.
    await sleep(500);
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([null, 'SIGINT']);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
