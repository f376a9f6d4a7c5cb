import { type AttachReport, type DetachReport, Environment } from '../../../lib/index.js';
import type { Cycle } from '../messages.js';
import type { AttachDetachPlan } from '../plan.js';
import { repeat, type Side } from './side.js';

/** The package as a user calls it, measured from the call until the promise has settled. */
export async function bindingSide(plan: AttachDetachPlan): Promise<Side> {
  const environment = await Environment.init({ name: 'bench', memoryMb: plan.memoryMb });
  const { hostNqn, hostId, queueDepth, keepAliveMs } = plan;

  async function cycle(ioQueues: number): Promise<Cycle> {
    const begun = performance.now();
    const controller = await environment.attach(plan.transportId, {
      hostNqn,
      hostId,
      ioQueues,
      queueDepth,
      keepAliveMs,
    });
    const attached = performance.now();
    const granted = controller.info.ioQueues;
    const leaving = performance.now();
    const detach = await controller.detach();
    const detached = performance.now();
    if (granted !== ioQueues) throw new Error(`The target grants ${granted} of ${ioQueues} I/O queues`);
    return cycleOf(attached - begun, detached - leaving, controller.attachReport, detach);
  }

  return {
    name: 'binding',
    run: (ioQueues, cycles) => repeat(cycles, () => cycle(ioQueues)),
    close: () => environment.close(),
  };
}

/** The rest of the time is spent in JavaScript and in passing work between threads. */
function cycleOf(attachMs: number, detachMs: number, attach: AttachReport, detach: DetachReport): Cycle {
  const { totalMs: attachedIn, ...attachSteps } = attach;
  const { drainMs, disconnectMs, lingerMs, destroyMs, totalMs: detachedIn } = detach;
  const steps = {
    ...attachSteps,
    attachOutsideMs: attachMs - attachedIn,
    ...{ drainMs, disconnectMs, lingerMs, destroyMs },
    detachOutsideMs: detachMs - detachedIn,
  };
  return { attachMs, detachMs, steps };
}
