import { afterEach, describe, expect, it } from 'vitest';
import { ids, open } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { type Step, steps } from './support/task.js';
import { within } from './support/timing.js';
import { startWorker } from './support/worker.js';

/** What is still inside SPDK when the worker has ended: an attach to a target that does not respond. */
const background = 10_000;

afterEach(async () => {
  await expectNothingHeld(background);
  await expectUsable();
});

describe('a worker that is terminated', () => {
  it.each(steps)('while it is %s takes everything with it', async (step) => {
    const worker = await startWorker(step, true);
    expect(worker.message).toEqual({ at: step });
    const limit = step === 'attached' ? limits.teardown : limits.interrupted;
    await within(limit, worker.terminate());
  });
});

describe('a worker that ends by itself', () => {
  it.each<Step>(['open', 'attached', 'closed'])('while it is %s is not kept from it', async (step) => {
    const worker = await startWorker(step);
    expect(worker.message).toEqual({ at: step });
    expect(await within(limits.teardown, worker.ended)).toBe(0);
  });

  it.each<Step>(['attaching', 'detaching', 'closing'])('waits for what is %s', async (step) => {
    const worker = await startWorker(step);
    expect(await within(limits.attach + limits.teardown, worker.ended)).toBe(0);
  });
});

it('several workers use SPDK one after the other', async () => {
  for (let i = 0; i < 3; i++) {
    const worker = await startWorker('attached', true);
    await within(limits.teardown, worker.terminate());
  }
});

/** Opens SPDK in this thread, attaches the controller that the worker had, and closes. */
async function expectUsable(): Promise<void> {
  const env = await within(background, open({ memoryMb: 64 }));
  const controller = await within(limits.attach, env.attach(ids.disk0));
  await within(limits.detach, controller.detach());
  await env.close();
}
