import { describe, it } from 'vitest';
import { batchSteps } from './model/batch-steps.js';
import { ioSteps } from './model/io-steps.js';
import { lifeSteps } from './model/life-steps.js';
import { reactions } from './model/reactions.js';
import { checkModel } from './model/run.js';

// MODEL_SEED=random MODEL_RUNS=50000 checks more cases; a counterexample names its seed.
describe('in any order', () => {
  it('operations, faults, resets and detaches settle on time and leave nothing', async () => {
    await checkModel([...lifeSteps, ...reactions, ...ioSteps, ...ioSteps, ...ioSteps], {
      seed: 1,
      runs: 700,
      steps: 60,
    });
  }, 120_000);

  it('batches as well', async () => {
    await checkModel([...lifeSteps, ...batchSteps, ...batchSteps, ...batchSteps], {
      seed: 2,
      runs: 700,
      steps: 60,
    });
  }, 120_000);

  it('and both at once', async () => {
    await checkModel([...lifeSteps, ...ioSteps, ...ioSteps, ...batchSteps, ...batchSteps], {
      seed: 3,
      runs: 600,
      steps: 80,
    });
  }, 120_000);

  it('and operations of several commands', async () => {
    const steps = [...lifeSteps, ...ioSteps, ...ioSteps, ...ioSteps];
    await checkModel(steps, { seed: 4, runs: 60, steps: 40, blockSize: 524_288 });
  }, 120_000);
});
