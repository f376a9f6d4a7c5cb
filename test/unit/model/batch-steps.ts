import fc from 'fast-check';
import { SpdkError } from '../../../lib/index.js';
import { stamped } from './disk.js';
import { type AnyStep, index, pick, step } from './step.js';
import { blocksOfDisk, type OpenBatch, type World } from './world.js';

const some = (world: World) => world.batches.length > 0;

/** Calls something that may refuse what is wrong, with an error of the package's. Undefined then. */
function attempt<Value>(world: World, call: () => Value): Value | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof SpdkError)) world.problem(`threw ${error}`);
    return undefined;
  }
}

/** Each command that a batch has taken has its tag there once. */
function taken(world: World, { batch, commands }: OpenBatch, count: number): void {
  for (let i = 0; i < count; i++) {
    const tag = batch.tags[i] as number;
    const end = commands.get(tag);
    commands.delete(tag);
    if (end) end(batch.statuses[i] as number);
    else world.problem(`a batch gave the tag ${tag}, which it does not have`);
  }
}

const openBatch = step({
  name: 'open a batch',
  possible: (world) => world.attached.length > 0 && !world.closing,
  draw: fc.tuple(index, fc.nat(1)),
  act: (world, [controller, number]) => {
    const attached = pick(world.attached, controller);
    const batch = attempt(world, () => pick(attached.controller.queuePairs, number).openBatch());
    if (batch) world.batches.push({ batch, attached, commands: new Map(), nextTag: 1 });
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
    const [space] = owner.controller.namespaces;
    if (!space || block + blocks > blocksOfDisk) return;
    const tag = open.nextTag++;
    if (what === 'flush') {
      if (attempt(world, () => batch.flush(space, tag)) !== true) return;
      commands.set(tag, () => {});
    } else {
      const buffer = attempt(world, () => world.env.allocate(Math.max(1, blocks) * world.blockSize));
      if (!buffer) return;
      const { model } = owner.disk;
      const write = what === 'write' && blocks > 0 ? model.beginWrite(block, blocks) : undefined;
      const read = what === 'read' && blocks > 0 ? model.beginRead(block, blocks) : undefined;
      if (write) buffer.set(stamped(write.stamp, buffer.byteLength));
      const describe = what === 'write' ? batch.write : batch.read;
      const args = [space, buffer, 0, block * world.blockSize, blocks * world.blockSize, tag] as const;
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
      commands.set(tag, end);
    }
    if (owner !== open.attached) world.problem('a batch took a namespace of another controller');
  },
});

const submit = step({
  name: 'submit a batch',
  possible: some,
  draw: index,
  act: (world, number) => {
    attempt(world, () => pick(world.batches, number).batch.submit());
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
    attempt(world, () => open.batch.submit());
    const waiting = open.batch.wait();
    world.calls.watch('wait of a batch', Number.POSITIVE_INFINITY, waiting, (count) =>
      taken(world, open, count),
    );
  },
});

const closeBatch = step({
  name: 'close a batch',
  possible: some,
  draw: index,
  act: (world, number) => {
    attempt(world, () => pick(world.batches, number).batch.close());
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
