import fc from 'fast-check';
import { attempt, submitBatch, taken } from './batches.js';
import { stamped } from './disk.js';
import { type AnyStep, index, pick, step } from './step.js';
import { blocksOfDisk, type World } from './world.js';

const some = (world: World) => world.batches.length > 0;

const openBatch = step({
  name: 'open a batch',
  possible: (world) => world.attached.length > 0 && !world.closing,
  draw: fc.tuple(index, fc.nat(1)),
  act: (world, [controller, number]) => {
    const attached = pick(world.attached, controller);
    const batch = attempt(world, () => pick(attached.controller.queuePairs, number).openBatch());
    if (batch) world.batches.push({ batch, attached, commands: new Map(), nextTag: 1, closed: false });
  },
});

const describe = step({
  name: 'describe in a batch',
  possible: (world) => some(world) && !world.closing,
  draw: fc.record({
    batch: index,
    /** Whose namespace: most often its own controller's. */
    namespace: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2),
    what: fc.constantFrom('read', 'write', 'flush'),
    block: fc.nat(blocksOfDisk - 1),
    blocks: fc.constantFrom(0, 1, 1, 1, 2),
  }),
  act: (world, { batch: number, namespace, what, block, blocks }) => {
    const open = pick(world.batches, number);
    const { batch, commands } = open;
    const owner = namespace === undefined ? open.attached : pick(world.attached, namespace);
    const [ns] = owner.controller.namespaces;
    if (!ns || block + blocks > blocksOfDisk) return;
    const tag = open.nextTag++;
    if (what === 'flush') {
      if (attempt(world, () => batch.flush(ns, tag)) !== true) return;
      commands.set(tag, { end: () => {}, sent: false });
    } else {
      const buffer = attempt(world, () => world.env.allocate(Math.max(1, blocks) * world.blockSize));
      if (!buffer) return;
      const { model } = owner.disk;
      const write = what === 'write' && blocks > 0 ? model.beginWrite(block, blocks) : undefined;
      const read = what === 'read' && blocks > 0 ? model.beginRead(block, blocks) : undefined;
      if (write) buffer.set(stamped(write.stamp, buffer.byteLength));
      const describe = what === 'write' ? batch.write : batch.read;
      const args = [ns, buffer, 0, block * world.blockSize, blocks * world.blockSize, tag] as const;
      const accepted = attempt(world, () => describe.call(batch, ...args)) === true;
      const end = (status: number) => {
        if (write) model.endWrite(write, status === 0);
        const problem = read && model.endRead(read, status === 0 ? buffer : undefined);
        if (problem) world.problem(`in a batch, ${problem}`);
        buffer.release();
      };
      if (!accepted) {
        end(1);
        return;
      }
      if (blocks === 0) world.problem('a batch took a command without blocks');
      commands.set(tag, { end, sent: false });
    }
    if (owner !== open.attached) world.problem('a batch took a namespace of another controller');
  },
});

const submit = step({
  name: 'submit a batch',
  possible: some,
  draw: index,
  act: (world, number) => {
    submitBatch(world, pick(world.batches, number));
  },
});

const reap = step({
  name: 'reap a batch',
  possible: some,
  draw: index,
  act: (world, number) => {
    const open = pick(world.batches, number);
    taken(world, open, attempt(world, () => open.batch.reap()) ?? 0);
  },
});

const wait = step({
  name: 'wait for a batch',
  possible: some,
  draw: index,
  act: (world, number) => {
    const open = pick(world.batches, number);
    submitBatch(world, open);
    const waiting = open.batch.wait();
    world.calls.watch('wait of a batch', Number.POSITIVE_INFINITY, waiting, (count) =>
      taken(world, open, count),
    );
  },
});

const closeBatch = step({
  name: 'close a batch',
  possible: some,
  draw: fc.tuple(index, fc.boolean()),
  act: (world, [number, discard]) => {
    const open = pick(world.batches, number);
    attempt(world, () => {
      open.batch.close({ discard });
      open.closed = true;
    });
  },
});

export const batchSteps: readonly AnyStep[] = [
  openBatch,
  describe,
  describe,
  describe,
  submit,
  reap,
  wait,
  wait,
  closeBatch,
];
