import fc from 'fast-check';
import type {
  Namespace,
  OperationOptions,
  SpdkError,
  SpdkErrorCode,
  TransferOptions,
} from '../../../lib/index.js';
import { stamped } from './disk.js';
import { type AnyStep, index, pick, step } from './step.js';
import { type Attached, blocksOfDisk, type World } from './world.js';

/** Errors that an operation may end with at any time: the state of its controller, namespace or queue has changed. */
const alwaysPossible: readonly SpdkErrorCode[] = [
  'ERR_SPDK_IO_FAILED',
  'ERR_SPDK_CONTROLLER_FAILED',
  'ERR_SPDK_DETACHING',
  'ERR_SPDK_CONTROLLER_DETACHED',
  'ERR_SPDK_WEDGED',
  'ERR_SPDK_NAMESPACE_GONE',
  'ERR_SPDK_OUT_OF_RANGE',
  'ERR_SPDK_QUEUE_IN_USE',
  'ERR_SPDK_QUEUE_FULL',
  'ERR_SPDK_NO_MEMORY',
];

const range = fc
  .tuple(fc.nat(blocksOfDisk - 1), fc.integer({ min: 1, max: 4 }))
  .map(([block, most]) => ({ block, blocks: Math.min(most, blocksOfDisk - block) }));
const limits = fc.record({
  // A timer of a minute that an operation leaves behind would still exist at the end, and be found.
  timeoutMs: fc.oneof(fc.constantFrom(undefined, 60_000), fc.integer({ min: 1, max: 200 })),
  signal: fc.constantFrom('none', 'none', 'later', 'aborted'),
  queuePair: fc.option(fc.nat(1), { nil: undefined }),
  /** Whether the queue pair belongs to another controller. */
  foreign: fc.nat(9).map((one) => one === 0),
});
type Limits = typeof limits extends fc.Arbitrary<infer Drawn> ? Drawn : never;

const some = (world: World) => world.attached.length > 0;

/** The objects that the namespace of the disk's model has had. */
function dataNamespaces({ namespaces }: Attached): Namespace[] {
  return [...namespaces].filter(({ id }) => id === 1);
}

/** Makes an operation's options, and calls it. */
function start<Value>(
  world: World,
  attached: Attached,
  target: Namespace,
  name: string,
  drawn: Limits,
  call: (options: OperationOptions) => Promise<Value>,
  ended: (value: Value | undefined) => void,
): void {
  const signal = signalOf(world, drawn.signal);
  const stale = !attached.controller.namespaces.includes(target);
  const foreign = drawn.foreign ? world.attached.find((other) => other !== attached) : undefined;
  const { queuePairs } = (foreign ?? attached).controller;
  const chosen = drawn.queuePair ?? (foreign ? 0 : undefined);
  const queuePair = chosen === undefined ? undefined : pick(queuePairs, chosen);
  const { timeoutMs } = drawn;
  const rejected = (error: SpdkError) => {
    const rejected = foreign !== undefined && error.code === 'ERR_SPDK_FOREIGN_QUEUE_PAIR';
    const expected = rejected || alwaysPossible.includes(error.code);
    const limit = error.code === 'ERR_SPDK_TIMEOUT' && timeoutMs !== undefined;
    const abort = error.code === 'ERR_SPDK_ABORTED' && signal?.aborted === true;
    // These operations ended without the controller, so its counters do not include them.
    if (limit || abort || error.code === 'ERR_SPDK_NO_MEMORY') world.endedHere++;
    if (!expected && !limit && !abort) world.problem(`${name} rejected with ${error.code}: ${error.message}`);
    ended(undefined);
  };
  const fulfilled = (value: Value) => {
    if (foreign) world.problem(`${name} went to a queue pair of another controller`);
    if (stale) world.problem(`${name} went to a namespace that has changed`);
    ended(value);
  };
  const promise = call({ queuePair, timeoutMs, signal });
  world.calls.watch(name, timeoutMs ?? Number.POSITIVE_INFINITY, promise, fulfilled, rejected);
}

function signalOf(world: World, kind: string): AbortSignal | undefined {
  if (kind === 'none') return undefined;
  const aborter = new AbortController();
  world.aborters.push(aborter);
  if (kind === 'aborted') aborter.abort();
  return aborter.signal;
}

/** Buffers of a kind for so many blocks, and how to give them back. */
function buffersFor(world: World, kind: string, blocks: number): { list: Buffer[]; release: () => void } {
  const dma = kind.startsWith('dma');
  const sizes = kind.endsWith('Vector')
    ? new Array<number>(blocks).fill(world.blockSize)
    : [blocks * world.blockSize];
  const needed = blocks * world.blockSize;
  const scarce = world.addon.environments.some(({ memory }) => memory.limitBytes < memory.usedBytes + needed);
  const made = sizes.map((bytes) => (dma && !scarce ? world.env.allocate(bytes) : Buffer.alloc(bytes, 0xee)));
  const release = () => {
    for (const buffer of made) {
      if (!('release' in buffer)) continue;
      (buffer as { release(): void }).release();
      world.later(() => {
        if (buffer.length > 0) world.problem('released memory is still there');
      });
    }
  };
  return { list: made, release };
}

const place = {
  controller: index,
  namespace: index,
  kind: fc.constantFrom('plain', 'dma', 'plainVector', 'dmaVector'),
};

const read = step({
  name: 'read',
  possible: (world) => some(world) && !world.closing,
  draw: fc.tuple(fc.record(place), range, limits),
  act: (world, [{ controller, namespace, kind }, { block, blocks }, drawn]) => {
    const attached = pick(world.attached, controller);
    const target = pick(dataNamespaces(attached), namespace);
    const { list, release } = buffersFor(world, kind, blocks);
    const { model } = attached.disk;
    const access = model.beginRead(block, blocks);
    const call = (options: OperationOptions): Promise<unknown> => {
      const whole: TransferOptions = { ...options, offset: block * world.blockSize };
      return list.length > 1 ? target.readv(list, whole) : target.read(list[0] as Buffer, whole);
    };
    start(world, attached, target, `read of ${blocks} blocks at ${block}`, drawn, call, (value) => {
      const data = value === undefined ? undefined : Buffer.concat(list);
      const problem = model.endRead(access, data);
      if (problem) world.problem(problem);
      // Nothing arrives in an ordinary buffer once its operation has ended.
      if (kind.startsWith('plain')) {
        const after = Buffer.concat(list);
        world.later(() => {
          if (!after.equals(Buffer.concat(list))) world.problem('data came after the end of a read');
        });
      }
      release();
    });
  },
});

const write = step({
  name: 'write',
  possible: (world) => some(world) && !world.closing,
  draw: fc.tuple(fc.record(place), range, limits),
  act: (world, [{ controller, namespace, kind }, { block, blocks }, drawn]) => {
    const attached = pick(world.attached, controller);
    const target = pick(dataNamespaces(attached), namespace);
    const { list, release } = buffersFor(world, kind, blocks);
    const { model } = attached.disk;
    const access = model.beginWrite(block, blocks);
    for (const buffer of list) buffer.set(stamped(access.stamp, buffer.byteLength));
    const call = (options: OperationOptions): Promise<unknown> => {
      const whole: TransferOptions = { ...options, offset: block * world.blockSize };
      // Fulfilled with a value, to distinguish it from a failure.
      return (list.length > 1 ? target.writev(list, whole) : target.write(list[0] as Buffer, whole)).then(
        () => true,
      );
    };
    start(world, attached, target, `write of ${blocks} blocks at ${block}`, drawn, call, (value) => {
      model.endWrite(access, value !== undefined);
      // DMA memory belongs to the caller again only now. Ordinary buffers were copied, so they are changed immediately, below.
      release();
    });
    if (kind.startsWith('plain')) for (const buffer of list) buffer.fill(0xdd);
  },
});

const others = step({
  name: 'other operation',
  possible: (world) => some(world) && !world.closing,
  draw: fc.tuple(
    fc.record({
      controller: index,
      namespace: index,
      what: fc.constantFrom('flush', 'zero', 'verify', 'trim', 'raw', 'rawRead'),
    }),
    range,
    limits,
  ),
  act: (world, [{ controller, namespace, what }, { block, blocks }, drawn]) => {
    const attached = pick(world.attached, controller);
    const target = pick(what === 'zero' ? dataNamespaces(attached) : [...attached.namespaces], namespace);
    const { model } = attached.disk;
    const zeroes = what === 'zero' ? model.beginWrite(block, blocks, 0) : undefined;
    const received = Buffer.alloc(512, 0xee);
    const call = (options: OperationOptions): Promise<unknown> => {
      const whole = { ...options, offset: block * world.blockSize, length: blocks * world.blockSize };
      if (what === 'flush') return target.flush(options).then(() => true);
      if (what === 'zero') return target.writeZeroes(whole).then(() => true);
      if (what === 'verify') return target.verify(whole).then(() => true);
      if (what === 'trim') return target.deallocate(whole).then(() => true);
      if (what === 'raw') return target.raw({ opcode: 0x81, cdw: [7] }, options);
      return target.raw({ opcode: 0x82, data: received }, options);
    };
    start(world, attached, target, what, drawn, call, (value) => {
      if (zeroes) model.endWrite(zeroes, value !== undefined);
      // The target sends nothing for it: what another operation left must not be handed out.
      if (what === 'rawRead' && value !== undefined && received.some((byte) => byte !== 0)) {
        world.problem('a raw command gave out what another operation had left in memory');
      }
    });
  },
});

const abort = step({
  name: 'abort',
  possible: (world) => world.aborters.some(({ signal }) => !signal.aborted),
  draw: index,
  act: (world, number) => {
    pick(
      world.aborters.filter(({ signal }) => !signal.aborted),
      number,
    ).abort();
  },
});

const admin = step({
  name: 'admin',
  possible: (world) => some(world) && !world.closing,
  draw: fc.record({
    controller: index,
    what: fc.constantFrom('identify', 'log', 'longLog', 'badDword', 'badOpcode', 'feature'),
    timeoutMs: fc.integer({ min: 1, max: 300 }),
    signal: fc.constantFrom('none', 'none', 'later', 'aborted'),
  }),
  act: (world, { controller, what, timeoutMs, signal }) => {
    const { admin } = pick(world.attached, controller).controller;
    const options = { timeoutMs, signal: signalOf(world, signal) };
    const identify = { opcode: 6, cdw: [1], dataLength: 4096 };
    const calls: Record<string, () => Promise<unknown>> = {
      identify: () => admin.send(identify, options),
      log: () => admin.logPage(2, 512),
      longLog: () => admin.logPage(1, 262_144),
      badDword: () => admin.send({ ...identify, cdw: [0xff << 24] }, options),
      badOpcode: () => admin.send({ opcode: 0x7f }, options),
      feature: () => admin.setFeature(0x0b, 1),
    };
    const limited = ['identify', 'badDword', 'badOpcode'].includes(what);
    world.calls.watch(
      `admin ${what}`,
      limited ? timeoutMs : 5_000,
      (calls[what] as () => Promise<unknown>)(),
    );
  },
});

export const ioSteps: readonly AnyStep[] = [read, read, write, write, others, abort, admin];
