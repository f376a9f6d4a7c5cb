import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Controller,
  type DetachReport,
  type DmaBuffer,
  Environment,
  type Namespace,
  type QueuePair,
  type SpdkError,
} from '../../../lib/index.js';
import { Random } from '../../../scripts/testing/random.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { pollings } from '../support/each-polling.js';
import { eventually } from '../support/timing.js';
import { readBacking } from './backing.js';

export interface LoadTarget {
  readonly transportId: string;
  /** The block device or file behind namespace 1. */
  readonly backing: string;
  /** Expects that the target and this machine hold nothing of a controller any more. */
  readonly expectNothingHeld: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** How many rounds: as many as fit into a time, but no fewer than the least and no more than the most. */
export interface Rounds {
  readonly least: number;
  readonly most: number;
  readonly seconds: number;
}

const queueDepth = 128;
const memoryMb = 128;
/** Rounds that follow each other write to different places: what a target still does for an earlier one is no harm. */
const places = 8;
const placeBytes = 2 << 20;
/** The time limit of operations that have none, on a slow machine. */
const patienceMs = 30_000;
const maxQueues = 3;
const maxBytes = 4096;
/** What the memory in use may differ by after all rounds: SPDK v20.07 itself loses 256 bytes of it for each controller. */
const strayBytes = 160 << 10;
/** Longer than any drain. */
const longDrainMs = 20_000;

/** What one round did. */
interface Outcome {
  readonly started: number;
  readonly acknowledged: number;
  readonly report: DetachReport;
  /** Operations that had not ended when the detach began. */
  readonly pending: number;
}

/**
 * One place of the namespace that is written again and again, each time with the next version, and read in between.
 * One operation at a time: so what the target has is the last version that was acknowledged, or the next one.
 */
class Writer {
  started = 0;
  settled = 0;
  acknowledged = 0;
  readonly #stamp = Buffer.alloc(16);
  readonly #buffer: Buffer;

  constructor(
    readonly ns: Namespace,
    readonly queuePair: QueuePair,
    readonly offset: number,
    readonly length: number,
    readonly round: number,
    memory: DmaBuffer | undefined,
  ) {
    this.#buffer = memory ?? Buffer.alloc(length);
  }

  /** Runs until an operation is rejected or aborted, and resolves with the error. */
  async run(onAcknowledged: () => void): Promise<SpdkError> {
    try {
      for (;;) {
        const read = this.acknowledged > 0 && this.started % 4 === 3;
        if (!read) this.fill(this.#buffer, this.acknowledged + 1);
        const { offset, queuePair } = this;
        const operation = read
          ? this.ns.read(this.#buffer, { offset, queuePair })
          : this.ns.write(this.#buffer, { offset, queuePair });
        this.started++;
        await operation.finally(() => this.settled++);
        if (read) expect(this.isVersion(this.#buffer, this.acknowledged)).toBe(true);
        else this.acknowledged++;
        onAcknowledged();
      }
    } catch (error) {
      return error as SpdkError;
    }
  }

  /** Returns for every block whether it has this version of this round. */
  isVersion(bytes: Buffer, version: number): boolean {
    return this.fill(Buffer.alloc(bytes.length), version).equals(bytes);
  }

  fill(bytes: Buffer, version: number): Buffer {
    this.#stamp.writeUInt32LE(this.round, 0);
    this.#stamp.writeUInt32LE(version, 4);
    this.#stamp.writeDoubleLE(this.offset, 8);
    return bytes.fill(this.#stamp);
  }

  /** Whether the disk has the data of the last acknowledged write, or of one that was under way. */
  holds(bytes: Buffer): boolean {
    const { blockSize } = this.ns;
    for (let at = 0; at < bytes.length; at += blockSize) {
      const block = bytes.subarray(at, at + blockSize);
      // Before the first acknowledged write the disk may have any data.
      if (this.acknowledged === 0) return true;
      if (!this.isVersion(block, this.acknowledged) && !this.isVersion(block, this.acknowledged + 1)) {
        return false;
      }
    }
    return true;
  }
}

function isAborted(error: SpdkError): boolean {
  const { nvmeStatus: status } = error;
  return error.code === 'ERR_SPDK_IO_FAILED' && status?.sct === 0 && (status.sc === 7 || status.sc === 8);
}

const rejections = ['ERR_SPDK_DETACHING', 'ERR_SPDK_CONTROLLER_DETACHED'];

/** The memory in use once everything that JavaScript has released is free. */
async function memoryInUse(env: Environment): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await sleep(100);
  }
  return env.stats().memory.usedBytes;
}

const count = (folder: string) => readdirSync(folder).length;

/** Detaches at random moments, under full load on every queue. Any target. */
export function describeDetachUnderLoad(
  name: string,
  rounds: Rounds,
  start: () => Promise<LoadTarget>,
): void {
  const seed = Number(process.env.SPDK_NVME_TEST_SEED) || Date.now() % 2 ** 31;
  const random = new Random(seed);
  let target: LoadTarget;
  let env: Environment;

  beforeAll(async () => {
    target = await start();
    env = await Environment.init({ pollers: 2, memoryMb });
  });
  afterAll(async () => {
    await env?.close();
    await target?.stop();
  });

  /** Makes the bounce pool grow to the maximum that the rounds need. */
  async function fillPool(): Promise<void> {
    const ioQueues = maxQueues;
    const controller = await env.attach(target.transportId, { ioQueues, queueDepth, timeoutMs: patienceMs });
    const reads = controller.queuePairs.flatMap((queuePair) =>
      Array.from({ length: queueDepth }, () =>
        controller.namespaces[0]?.read(Buffer.alloc(maxBytes), { offset: 0, queuePair }),
      ),
    );
    await Promise.all(reads);
    await controller.detach();
  }

  async function runRound(round: number): Promise<Outcome> {
    const polling = random.pick(pollings);
    const ioQueues = 1 + random.below(maxQueues);
    const controller: Controller = await env.attach(target.transportId, {
      ioQueues,
      queueDepth,
      polling,
      timeoutMs: patienceMs,
    });
    const ns = controller.namespaces[0] as Namespace;
    const base = (round % places) * placeBytes;
    const own: DmaBuffer[] = [];
    const writers: Writer[] = [];
    for (const queuePair of controller.queuePairs) {
      for (let slot = 0; slot < queueDepth; slot++) {
        const length = (1 + random.below(8)) * ns.blockSize;
        const memory = random.below(2) === 0 ? env.allocate(length) : undefined;
        if (memory) own.push(memory);
        writers.push(new Writer(ns, queuePair, base + writers.length * maxBytes, length, round, memory));
      }
    }

    // The moment is counted in operations, so that it is as random on a slow machine as on a fast one.
    let untilDetach = random.below(3) === 0 ? 0 : random.below(4 * writers.length);
    let reached: () => void;
    const moment = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const runs = writers.map((writer) =>
      writer.run(() => {
        if (--untilDetach === 0) reached();
      }),
    );
    if (untilDetach > 0) await moment;
    // The long drain waits for all operations; the others abort those that are left.
    const drainMs = random.pick([0, 1, 20, longDrainMs]);
    const pending = controller.queuePairs.reduce((sum, queuePair) => sum + queuePair.pending, 0);
    const report = await controller.detach({ drainMs, timeoutMs: patienceMs });
    const errors = await Promise.all(runs);

    for (const error of errors) {
      if (isAborted(error)) expect(drainMs).not.toBe(longDrainMs);
      else expect(rejections, `${error.stack}`).toContain(error.code);
    }
    const total = (field: 'started' | 'settled' | 'acknowledged') =>
      writers.reduce((sum, writer) => sum + writer[field], 0);
    expect(total('settled')).toBe(total('started'));
    expect(report.completed + report.aborted).toBe(pending);
    expect(errors.filter(isAborted).length).toBe(report.aborted);

    const disk = readBacking(env, target.backing, base, writers.length * maxBytes);
    for (const writer of writers) {
      const at = writer.offset - base;
      const holds = writer.holds(disk.subarray(at, at + writer.length));
      expect(holds, `offset ${writer.offset}, version ${writer.acknowledged}`).toBe(true);
    }
    for (const buffer of own) buffer.release();
    return { started: total('started'), acknowledged: total('acknowledged'), report, pending };
  }

  it(
    `${name}, at random moments: everything ends once, and what was acknowledged is there`,
    async () => {
      console.log(`${name}: SPDK_NVME_TEST_SEED=${seed}`);
      // The first rounds allocate what SPDK keeps for the whole process.
      await fillPool();
      for (let round = 0; round < 4; round++) await runRound(round);
      await target.expectNothingHeld();
      const before = {
        memory: await memoryInUse(env),
        files: count('/proc/self/fd'),
        threads: count('/proc/self/task'),
      };

      const deadline = performance.now() + rounds.seconds * 1000;
      const outcomes: Outcome[] = [];
      const sum = (what: 'completed' | 'aborted') =>
        outcomes.reduce((total, { report }) => total + report[what], 0);
      for (let round = 4; outcomes.length < rounds.most; round++) {
        // On a slow machine few rounds fit into the time, and operations may have completed in all of them.
        const enough = outcomes.length >= rounds.least && sum('completed') > 0 && sum('aborted') > 0;
        if (enough && performance.now() > deadline) break;
        try {
          outcomes.push(await runRound(round));
        } catch (error) {
          console.error(`round ${round} of seed ${seed}`);
          throw error;
        }
      }

      await target.expectNothingHeld();
      const stray = (await memoryInUse(env)) - before.memory;
      const all = (what: 'started' | 'pending') => outcomes.reduce((total, one) => total + one[what], 0);
      const slowest = Math.max(...outcomes.map(({ report }) => report.totalMs));
      console.log(
        `${name}: ${outcomes.length} rounds, ${all('started')} operations; when the detaches began ` +
          `${all('pending')} were pending, of which ${sum('completed')} completed and ` +
          `${sum('aborted')} were aborted; the slowest detach took ${Math.round(slowest)} ms; ` +
          `memory in use changed by ${stray} bytes`,
      );
      // Both ways to end have been seen.
      expect(sum('completed')).toBeGreaterThan(0);
      expect(sum('aborted')).toBeGreaterThan(0);
      expect(stray).toBeLessThanOrEqual(strayBytes);
      expect(
        await eventually(
          patienceMs,
          () => count('/proc/self/fd') <= before.files && count('/proc/self/task') <= before.threads,
        ),
      ).toBe(true);
    },
    20 * 60_000,
  );
}
