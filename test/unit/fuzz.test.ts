// A few seconds of what `npm run fuzz` does for minutes. A failure's message has the seed and the input.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { properties } from '../../scripts/fuzz/parsers.js';
import { randomRuns } from '../support/random-runs.js';

const seed = Math.floor(Math.random() * 2 ** 31);
const limitMs = randomRuns(500);

it.each(properties)(
  '$name are accepted whole or rejected with a code, whatever they are',
  async ({ check }) => {
    let runs = 0;
    await check({
      seed,
      numRuns: 20_000,
      interruptAfterTimeLimit: limitMs,
      markInterruptAsFailure: false,
      reporter: (details) => {
        runs = details.numRuns;
        if (details.failed) {
          throw new Error(`${String(details.errorInstance)}\n${fc.defaultReportMessage(details)}`);
        }
      },
    });
    // Thousands on an idle machine.
    expect(runs).toBeGreaterThan(0);
  },
);
