import fc from 'fast-check';
import { controllerEvents } from '../../support/controller-events.js';
import { type AnyStep, index, pick, step } from './step.js';
import { type Attached, detachOf, resetOf, type World } from './world.js';

const actions: Record<string, (world: World, attached: Attached) => void> = {
  detach: (world, attached) => detachOf(world, attached, 20, 300),
  reset: (world, attached) => resetOf(world, attached, 200),
  close: (world) => world.close(300),
  read: (world, { controller }) => {
    const [ns] = controller.namespaces;
    if (!ns) return;
    const read = ns.read(Buffer.alloc(ns.blockSize), { offset: 0, timeoutMs: 100 });
    world.calls.watch('read in a listener', 100, read);
  },
  abort: (world) => {
    for (const aborter of world.aborters) aborter.abort();
  },
};

/** A listener that does something, once, in the middle of an event. */
export const reactions: readonly AnyStep[] = [
  step({
    name: 'react',
    possible: (world) => world.attached.length > 0,
    draw: fc.tuple(index, fc.constantFrom(...controllerEvents), fc.constantFrom(...Object.keys(actions))),
    act: (world, [controller, event, action]) => {
      const attached = pick(world.attached, controller);
      attached.controller.once(event, () => actions[action]?.(world, attached));
    },
  }),
];
