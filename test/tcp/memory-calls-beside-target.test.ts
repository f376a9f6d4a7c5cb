// Targets in memory (`spdk-nvme/testing`) beside SPDK's own: the same random calls, good and bad ones, have the same outcomes at both.
// By hand with more of them: BESIDE_PROGRAMS=100. A seed that failed: BESIDE_PROGRAMS=1 BESIDE_SEED=…

import { expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { simulate } from '../../lib/testing/index.js';
import type { ControllerStats } from '../../lib/types.js';
import { Random } from '../../scripts/testing/random.js';
import { drawIo } from './beside-io.js';
import { runLife } from './beside-life.js';
import { outcome } from './beside-words.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:beside';
const blockSize = 512;
const blocks = 2_048;
const programs = Number(process.env.BESIDE_PROGRAMS ?? 3);
const steps = 25;
const local = localTarget({
  port: '4597',
  subsystems: [
    { nqn, serial: 'BESIDE', disk: { kind: 'malloc', sizeMb: (blocks * blockSize) >> 20, blockSize } },
  ],
});

/** The same at a target in memory. */
async function inMemory(run: (id: string) => Promise<string[]>): Promise<string[]> {
  const simulation = simulate();
  try {
    const subsystem = simulation.addTarget().addSubsystem(nqn);
    subsystem.addNamespace(1, { blocks, blockSize, copyLimits: { ranges: 0 } });
    const lines = await run(subsystem.id);
    expect(simulation.misuse).toEqual([]);
    return lines;
  } finally {
    simulation.restore();
  }
}

/** What the controller has counted meanwhile. */
function counted(before: ControllerStats, after: ControllerStats): string {
  const keys = ['reads', 'writes', 'bytesRead', 'bytesWritten', 'failed', 'aborted'] as const;
  return keys.map((key) => `${after[key] - before[key]} ${key}`).join(', ');
}

async function runIo(env: Environment, id: string, seed: number): Promise<string[]> {
  const controller = await env.attach(id);
  const second = await env.attach(id, { hostNqn: 'nqn.2026-11.dev.spdk-nvme:second' });
  const [ns, other] = [controller, second].map(({ namespaces }) => namespaces[0]);
  if (!ns || !other) throw new Error('no namespace');
  await ns.writeZeroes({ offset: 0, length: ns.bytes });
  const random = new Random(seed);
  const lines: string[] = [];
  for (let i = 0; i < steps; i++) {
    // What one step draws has no influence on the next.
    const [words, run] = drawIo(new Random(random.below(2 ** 31)), { env, ns, other });
    const before = controller.stats();
    lines.push(`${i}: ${words}: ${await outcome(run)}`);
    // What is left in the middle may have been sent or not.
    if (!/stream|chunks|batch|file/.test(words)) lines.push(counted(before, controller.stats()));
    lines.push(await outcome(() => ns.read(Buffer.alloc(ns.bytes), { offset: 0 })));
  }
  await Promise.all([controller.detach(), second.detach()]);
  return lines;
}

const { BESIDE_SEED } = process.env;
const seeds = Array.from({ length: programs }, (_, i) =>
  BESIDE_SEED ? Number(BESIDE_SEED) + i : Math.floor(Math.random() * 2 ** 31),
);

it('of reads, writes, streams, files, batches and admin commands', async () => {
  for (const seed of seeds) {
    const wanted = await inMemory(async (id) => {
      await using env = await Environment.init();
      return await runIo(env, id, seed);
    });
    expect(await runIo(local.env, local.id(nqn), seed), `seed ${seed}`).toEqual(wanted);
  }
});

it('of attaches, resets, detaches and closes, several at the same time', async () => {
  // A thread has one environment at a time.
  await local.env.close();
  for (const seed of seeds.flatMap((one) => [one, one + 1, one + 2])) {
    const wanted = await inMemory((id) => runLife(seed, id));
    expect(await runLife(seed, local.id(nqn)), `seed ${seed}`).toEqual(wanted);
  }
});
