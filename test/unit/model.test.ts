import { describe, it } from 'vitest';
import { batchSteps } from './model/batch-steps.js';
import { ioSteps } from './model/io-steps.js';
import { lifeSteps } from './model/life-steps.js';
import { checkModel } from './model/run.js';

describe('in any order', () => {
  it('operations, faults, resets and detaches settle on time and leave nothing', async () => {
    await checkModel([...lifeSteps, ...ioSteps, ...ioSteps], { seed: 1, runs: 1_500, steps: 40 });
  }, 120_000);

  it('batches as well', async () => {
    await checkModel([...lifeSteps, ...batchSteps, ...batchSteps], { seed: 2, runs: 1_500, steps: 40 });
  }, 120_000);
});
