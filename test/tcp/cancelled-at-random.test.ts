// Reads and writes that are cancelled at random moments and ended at the controller: whatever they report, a block holds their data or
// what it held before, and does not change afterwards. Memory that was given back is not used, and no other command is ended.
// CANCEL_SEED and CANCEL_SECONDS repeat a run or make it longer.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import type { Namespace, OperationOptions, SpdkError, SubsystemNamespace } from '../../lib/index.js';
import { Random } from '../../scripts/testing/random.js';
import { localTarget } from './local-target.js';
import { PduProxy } from './proxy.js';
import { only } from './two-targets.js';

const blockSize = 512;
/** Each lane has a part of the disk for itself, and one write at a time. */
const lanes = 12;
const laneBlocks = 400;
/** The longest need several commands. */
const lengths = [1, 1, 8, 32, 300];
const longestMs = 12;
/** What memory is filled with when nothing uses it any more. */
const given = 0xff;
const runMs = Number(process.env.CANCEL_SECONDS ?? 3) * 1_000;
const seed = Number(process.env.CANCEL_SEED ?? Math.floor(Math.random() * 2 ** 31));

const readOpcode = 0x02;

type Disk = Namespace | SubsystemNamespace;
type Outcome = 'fulfilled' | 'completed' | 'aborted' | 'unknown' | 'unsent';

const stampOf = (block: Buffer) => block.readUInt32LE(0);

/** Cancels writes of one part of a disk, and checks what it holds after each. */
class Lane {
  readonly outcomes = new Map<Outcome, number>();
  readonly #random: Random;
  readonly #start: number;
  /** By block: what may be stored. More than one after an unknown outcome, until it is read. */
  readonly #stored = Array.from({ length: laneBlocks }, () => new Set([0]));
  /** Blocks that a write with an unknown outcome may still change. */
  readonly #unsure = new Set<number>();
  #stamp = 0;
  /** Memory of a cancelled read, which is not written to any more. */
  #readInto: Buffer = Buffer.alloc(0);

  constructor(
    readonly disk: Disk,
    readonly number: number,
  ) {
    this.#random = new Random(seed + number);
    this.#start = number * laneBlocks * blockSize;
  }

  async run(end: number): Promise<void> {
    await this.disk.write(Buffer.alloc(laneBlocks * blockSize), { offset: this.#start });
    while (performance.now() < end) await this.#step();
    await this.check(0, laneBlocks, 'at the end');
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const blocks = random.pick(lengths);
    const first = random.below(laneBlocks - blocks + 1);
    await this.check(first, blocks, 'before a write');
    if (this.#readInto.some((byte) => byte !== given))
      expect.fail(`lane ${this.number}: a read that was cancelled wrote to its memory later; seed ${seed}`);
    const buffer =
      random.below(2) === 0 ? Buffer.alloc(blocks * blockSize) : local.env.allocate(blocks * blockSize);
    if (random.below(3) > 0) await this.#write(buffer, first, blocks);
    else await this.#read(buffer, first);
  }

  async #read(buffer: Buffer, first: number): Promise<void> {
    const offset = this.#start + first * blockSize;
    const outcome = await this.#cancelled((limit) => this.disk.read(buffer, { offset, ...limit }));
    if (outcome === 'unknown') return;
    this.#readInto = buffer.fill(given);
  }

  async #write(buffer: Buffer, first: number, blocks: number): Promise<void> {
    const random = this.#random;
    const stamp = ++this.#stamp;
    for (let i = 0; i < blocks; i++) buffer.writeUInt32LE(stamp, i * blockSize);
    const offset = this.#start + first * blockSize;
    const half = Math.floor(blocks / 2) * blockSize;
    const parts = [buffer.subarray(0, half), buffer.subarray(half)];
    const isVector = half > 0 && random.below(4) === 0;
    const outcome = await this.#cancelled((limit) =>
      isVector
        ? this.disk.writev(parts, { offset, ...limit })
        : this.disk.write(buffer, { offset, ...limit }),
    );
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    // Nothing reads it any more.
    if (outcome !== 'unknown') buffer.fill(given);
    for (let i = first; i < first + blocks; i++) {
      if (outcome === 'unknown') this.#unsure.add(i);
      if (outcome === 'fulfilled' || outcome === 'completed') this.#stored[i] = new Set([stamp]);
      else if (outcome !== 'unsent') this.#stored[i]?.add(stamp);
    }
    await this.check(first, blocks, `after a write of ${stamp} that is ${outcome}`);
  }

  /** Begins an operation, and cancels it at some moment. */
  async #cancelled(begin: (limit: OperationOptions) => Promise<unknown>): Promise<Outcome> {
    const random = this.#random;
    const ms = 1 + random.below(longestMs);
    const abort = new AbortController();
    const how = random.pick(['none', 'timeout', 'timeout', 'signal', 'signal', 'at once'] as const);
    const limit = how === 'timeout' ? { timeoutMs: ms } : how === 'none' ? {} : { signal: abort.signal };
    const begun = performance.now();
    const operation = begin(limit);
    if (how === 'at once') for (let i = random.below(4); i >= 0; i--) await null;
    if (how === 'signal') void sleep(ms).then(() => abort.abort());
    if (how === 'at once') abort.abort();
    const outcome = await operation.then(
      () => 'fulfilled' as const,
      (error: SpdkError) => {
        expect(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_ABORTED'], error.message).toContain(error.code);
        return error.outcome ?? 'unsent';
      },
    );
    expect(performance.now() - begun).toBeLessThan(2_000);
    return outcome;
  }

  async check(first: number, blocks: number, when: string): Promise<void> {
    const there = await this.disk.read(Buffer.alloc(blocks * blockSize), {
      offset: this.#start + first * blockSize,
    });
    for (let i = 0; i < blocks; i++) {
      const stamp = stampOf(there.subarray(i * blockSize));
      const may = this.#stored[first + i] as Set<number>;
      if (!may.has(stamp))
        expect.fail(
          `${when}, block ${first + i} of lane ${this.number} has ${stamp} instead of ${[...may].join(' or ')}; seed ${seed}`,
        );
      if (!this.#unsure.has(first + i)) this.#stored[first + i] = new Set([stamp]);
    }
  }
}

/** Before this release nvmf_tgt carries out an Abort for a command that has ended: it aborts the last of its list instead. */
const abortsTheRightOne = 2101;

/** Commands that must not be sent twice: an Abort for another command must not end them. */
async function sendOnce(disk: Disk): Promise<void> {
  if (local.target.release < abortsTheRightOne) return;
  const end = performance.now() + runMs;
  const buffer = Buffer.alloc(blockSize);
  while (performance.now() < end)
    await disk.raw({ opcode: readOpcode, data: buffer, cdw: [lanes * laneBlocks] });
}

async function cancelAtRandom(disk: Disk): Promise<Map<Outcome, number>> {
  const end = performance.now() + runMs;
  const all = Array.from({ length: lanes }, (_, i) => new Lane(disk, i));
  await Promise.all(all.map((lane) => lane.run(end)));
  const sum = new Map<Outcome, number>();
  for (const { outcomes } of all)
    for (const [outcome, count] of outcomes) sum.set(outcome, (sum.get(outcome) ?? 0) + count);
  return sum;
}

const nqn = 'nqn.2026-11.dev.spdk-nvme:cancel';
const local = localTarget({
  port: '4473',
  subsystems: [{ nqn, serial: 'SLOW', disk: { kind: 'malloc', sizeMb: 16, blockSize, maxMbPerSecond: 20 } }],
  environment: { pollers: 1 },
});
afterEach(() => Promise.all(local.env.controllers.map((controller) => controller.detach())));

const options = { ioQueues: 1, queueDepth: 8 } as const;

it.each(['adaptive', 'inline', 'threads'] as const)('aborted on one path, polled by %s', async (polling) => {
  const controller = await local.env.attach(local.id(nqn), { ...options, polling, onTimeout: 'abort' });
  const disk = controller.namespaces[0] as Namespace;
  const [counts] = await Promise.all([cancelAtRandom(disk), sendOnce(disk)]);
  for (const outcome of ['fulfilled', 'aborted'] as const)
    expect(counts.get(outcome), outcome).toBeGreaterThan(0);
  expect(controller.stats().outstanding).toBe(0);
});

it('ended by resets of one controller', async () => {
  const controller = await local.env.attach(local.id(nqn), {
    ...options,
    onTimeout: 'reset',
    ctrlrLossTimeoutMs: 10_000,
  });
  const counts = await cancelAtRandom(controller.namespaces[0] as Namespace);
  expect(counts.get('unknown')).toBeGreaterThan(0);
});

it.each(['abort', 'reset'] as const)('ended by `%s` on two paths', async (onTimeout) => {
  const proxy = await PduProxy.start({ targetPort: 4473, hooks: () => ({}) });
  onTestFinished(() => proxy.close());
  await using subsystem = await local.env.attachSubsystem([local.id(nqn), local.id(nqn, proxy.port)], {
    ...options,
    onTimeout,
    policy: 'active-active',
  });
  const disk = only(subsystem);
  await Promise.all([cancelAtRandom(disk), ...(onTimeout === 'abort' ? [sendOnce(disk)] : [])]);
});
