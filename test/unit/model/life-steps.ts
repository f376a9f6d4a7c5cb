import fc from 'fast-check';
import { type AnyStep, index, pick, step } from './step.js';
import { blocksOfDisk, detachOf, resetOf, type World } from './world.js';

const some = (world: World) => world.attached.length > 0;
const open = (world: World) => !world.closing;

/** The options of an attach. */
export const attachDrawn = fc.record({
  disk: fc.nat(2),
  ioQueues: fc.integer({ min: 1, max: 2 }),
  queueDepth: fc.constantFrom(2, 4),
  polling: fc.constantFrom('threads' as const, 'inline' as const, 'adaptive' as const),
  keepAliveMs: fc.constantFrom(0, 1_000),
  maxWaiting: fc.constantFrom(2, 64),
  reconnect: fc.constantFrom(
    {},
    { ctrlrLossTimeoutMs: 400, reconnectDelayMs: 50 },
    {
      ctrlrLossTimeoutMs: 400,
      reconnectDelayMs: 50,
      fastIoFailTimeoutMs: 100,
    },
  ),
  timeoutMs: fc.integer({ min: 5, max: 300 }),
});
export type AttachDrawn = typeof attachDrawn extends fc.Arbitrary<infer Drawn> ? Drawn : never;

export function startAttach(world: World, { disk, reconnect, ...options }: AttachDrawn): void {
  world.attach(pick(world.disks, disk), { ...options, ...reconnect }, options.timeoutMs);
}

const attach = step({
  name: 'attach',
  possible: open,
  draw: attachDrawn,
  act: startAttach,
});

const detach = step({
  name: 'detach',
  possible: some,
  draw: fc.record({
    controller: index,
    drainMs: fc.integer({ min: 0, max: 100 }),
    timeoutMs: fc.integer({ min: 100, max: 400 }),
  }),
  act: (world, { controller, drainMs, timeoutMs }) => {
    detachOf(world, pick(world.attached, controller), drainMs, timeoutMs);
  },
});

const reset = step({
  name: 'reset',
  possible: some,
  draw: fc.record({
    controller: index,
    timeoutMs: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(5_000)),
  }),
  act: (world, { controller, timeoutMs }) => {
    resetOf(world, pick(world.attached, controller), timeoutMs);
  },
});

const close = step({
  name: 'close',
  possible: () => true,
  draw: fc.integer({ min: 20, max: 500 }),
  act: (world, timeoutMs) => world.close(timeoutMs),
});

const pass = step({
  name: 'pass',
  possible: () => true,
  draw: fc.constantFrom(0, 1, 2, 5, 20, 100, 600),
  act: (world, ms) => world.pass(ms),
});

const target = fc.nat(1);
const faults: readonly AnyStep[] = [
  step({
    name: 'latency',
    possible: () => true,
    draw: fc.tuple(target, fc.constantFrom(0, 3, 30)),
    act: (world, [number, ms]) => {
      pick(world.targets, number).latencyMs = ms;
    },
  }),
  step({
    name: 'silent',
    possible: () => true,
    draw: fc.tuple(target, fc.boolean()),
    act: (world, [number, silent]) => {
      pick(world.targets, number).silent = silent;
    },
  }),
  step({
    name: 'lose links',
    possible: () => true,
    draw: target,
    act: (world, number) => pick(world.targets, number).dropLinks(),
  }),
  step({
    name: 'reject',
    possible: () => true,
    draw: fc.tuple(target, fc.boolean(), fc.constantFrom(1, 40)),
    act: (world, [number, rejected, connectMs]) => {
      const one = pick(world.targets, number);
      one.connectMs = connectMs;
      one.rejection = rejected
        ? { code: 'ERR_SPDK_UNREACHABLE', message: 'rejected by the test' }
        : undefined;
    },
  }),
  step({
    name: 'fail commands',
    possible: () => true,
    draw: fc.tuple(target, fc.integer({ min: 1, max: 3 })),
    act: (world, [number, count]) => pick(world.targets, number).failCommands({ sc: 0x06, count }),
  }),
  step({
    name: 'stick',
    possible: some,
    draw: fc.tuple(index, fc.boolean()),
    act: (world, [controller, stuck]) => {
      pick(world.attached, controller).native.stuck = stuck;
    },
  }),
  step({
    name: 'change namespace',
    possible: () => true,
    draw: fc.tuple(fc.nat(2), fc.constantFrom('grow', 'back', 'add', 'remove')),
    act: (world, [number, what]) => {
      const { subsystem } = pick(world.disks, number);
      if (what === 'add') subsystem.addNamespace(7);
      else if (what === 'remove') subsystem.removeNamespace(7);
      else subsystem.resizeNamespace(1, what === 'grow' ? blocksOfDisk * 2 : blocksOfDisk);
    },
  }),
  step({
    name: 'memory',
    possible: () => true,
    draw: fc.boolean(),
    act: (world, scarce) => {
      for (const { memory } of world.addon.environments) {
        memory.limitBytes = scarce ? memory.usedBytes + 1_024 : 2 ** 30;
      }
    },
  }),
];

export const lifeSteps: readonly AnyStep[] = [
  attach,
  attach,
  attach,
  detach,
  reset,
  close,
  pass,
  pass,
  pass,
  pass,
  ...faults,
];
