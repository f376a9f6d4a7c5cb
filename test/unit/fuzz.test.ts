// A few seconds of what `npm run fuzz` does for minutes. A failure's message has the seed and the input.

import fc from 'fast-check';
import { it } from 'vitest';
import { properties } from '../../scripts/fuzz/parsers.js';
import { randomRuns } from '../support/random-runs.js';

const seed = Math.floor(Math.random() * 2 ** 31);
const limitMs = randomRuns(500);

it.each(properties)(
  '$name are accepted whole or rejected with a code, whatever they are',
  async ({ check }) => {
    const reporter = <Values>(details: fc.RunDetails<Values>): void => {
      // On a busy machine the time may be over before the first case: then there was nothing that failed.
      const unused = details.interrupted && details.numRuns === 0;
      if (details.failed && !unused) {
        throw new Error(`${String(details.errorInstance)}\n${fc.defaultReportMessage(details)}`);
      }
    };
    await check({ seed, numRuns: 1, reporter });
    // Thousands more on an idle machine.
    const limit = { interruptAfterTimeLimit: limitMs, markInterruptAsFailure: false };
    await check({ seed, numRuns: 20_000, ...limit, reporter });
  },
);
