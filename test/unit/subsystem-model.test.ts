// Paths that come and go in any order, while a program reads and writes: every operation settles once, and the disk holds
// what was acknowledged.

import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { useFakeEventLoop } from '../support/fake-event-loop.js';
import { randomRuns } from '../support/random-runs.js';
import { pathStep, policies } from './model/path-steps.js';
import { PathWorld } from './model/paths.js';

const { MODEL_SEED, MODEL_RUNS } = process.env;
const runs = Number(MODEL_RUNS ?? randomRuns(200));
const seed = MODEL_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(MODEL_SEED ?? 5);

afterEach(() => void vi.useRealTimers());

it('paths that come and go lose, double and damage nothing', { timeout: 120_000 }, async () => {
  let settled = 0;
  const steps = fc.array(pathStep, { minLength: 5, maxLength: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(policies, steps, fc.boolean(), async (options, sequence, atOnce) => {
      useFakeEventLoop();
      const world = new PathWorld();
      try {
        await world.open(options);
        for (const step of sequence) await world.act(step);
        await (atOnce ? world.leaveAtOnce() : world.finish());
        settled += world.settled;
        expect(world.problems).toEqual([]);
      } finally {
        world.restore();
        vi.useRealTimers();
      }
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: 100_000 },
  );
  expect(settled).toBeGreaterThan(5 * runs);
});
