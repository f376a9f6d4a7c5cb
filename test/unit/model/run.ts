import fc from 'fast-check';
import { vi } from 'vitest';
import { useAddon } from '../../../lib/native/addon.js';
import { useFakeEventLoop } from '../../support/fake-event-loop.js';
import { randomRuns } from '../../support/random-runs.js';
import { type AttachDrawn, attachDrawn, startAttach } from './life-steps.js';
import type { AnyStep } from './step.js';
import { World } from './world.js';

const turn = setImmediate;

/** From the environment: another seed, or `random`; more runs; a counterexample's path. */
const { MODEL_SEED, MODEL_RUNS, MODEL_PATH, MODEL_SECONDS } = process.env;

export interface ModelSettings {
  readonly seed: number;
  readonly runs: number;
  readonly steps: number;
  /** Default 1024. */
  readonly blockSize?: number;
}

/** Runs drawn sequences of steps, each in a world of its own whose clock is virtual. */
export async function checkModel(steps: readonly AnyStep[], settings: ModelSettings): Promise<void> {
  const seed =
    MODEL_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(MODEL_SEED ?? settings.seed);
  const others = process.listeners('unhandledRejection');
  const unhandled: unknown[] = [];
  let running = Promise.resolve();
  const note = (error: unknown) => unhandled.push(error);
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  try {
    const sequences = fc.commands([...steps], { size: '+1', maxCommands: settings.steps });
    await fc.assert(
      fc.asyncProperty(attachDrawn, sequences, fc.boolean(), (first, sequence, healed) => {
        running = runOne(new World(settings.blockSize ?? 1_024), first, sequence, healed, unhandled);
        return running;
      }),
      {
        seed,
        numRuns: Number(MODEL_RUNS ?? randomRuns(settings.runs)),
        ...(MODEL_PATH ? { path: MODEL_PATH } : {}),
        interruptAfterTimeLimit: Number(MODEL_SECONDS ?? 60) * 1_000,
      },
    );
  } finally {
    // An interrupted run uses the virtual clock until its end, so wait for that.
    await running.catch(() => {});
    process.removeListener('unhandledRejection', note);
    for (const other of others) process.on('unhandledRejection', other);
  }
}

async function runOne(
  world: World,
  first: AttachDrawn,
  sequence: Iterable<fc.AsyncCommand<World, World>>,
  healed: boolean,
  unhandled: unknown[],
): Promise<void> {
  useFakeEventLoop('Date');
  unhandled.length = 0;
  try {
    await world.open();
    // Most steps need a controller.
    startAttach(world, first);
    await world.pass(5);
    await fc.asyncModelRun(() => ({ model: world, real: world }), sequence);
    await world.finish(healed);
    // Unhandled rejections are reported in a later turn of the real event loop.
    await new Promise((resolve) => turn(resolve));
    for (const error of unhandled) world.problem(`nobody handles ${error}`);
    const timers = vi.getTimerCount();
    if (timers !== 0) world.problem(`${timers} timers are left`);
    if (world.problems.length > 0) throw new Error([...new Set(world.problems)].join('\n'));
  } finally {
    useAddon(undefined);
    vi.useRealTimers();
  }
}
