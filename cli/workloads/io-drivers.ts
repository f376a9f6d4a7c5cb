// Two ways to keep a queue pair at its depth: a batch, and promises.

import type { Batch, DmaBuffer, Environment, Namespace, QueuePair } from 'spdk-nvme';
import { codeOf } from '../engine/process/exit.js';
import type { IoMeter } from './io-meter.js';
import type { IoPlan, Steps } from './io-plan.js';
import type { Pace } from './pace.js';
import type { Verifier } from './verifier.js';

/** One queue pair of a run, and what it needs. */
export interface Lane {
  /** Its memory: see {@link allocate}. */
  readonly buffers: readonly DmaBuffer[];
  readonly namespace: Namespace;
  readonly queuePair: QueuePair;
  readonly plan: IoPlan;
  readonly steps: Steps;
  readonly meter: IoMeter;
  readonly pace: Pace;
  /** Checks the data, with `--verify`. */
  readonly verifier: Verifier | undefined;
  readonly signal: AbortSignal;
  /** Commands that have not completed. */
  outstanding: number;
  /** When a command last completed, or was sent while nothing was outstanding, on the clock of `performance.now()`. */
  heard: number;
}

/**
 * The memory of a lane: one buffer for its batch, or one for each of its promises. It is made before anything is measured: clearing a lot of
 * it takes seconds.
 */
export function allocate(environment: Environment, { api, depth, ioSize }: IoPlan): DmaBuffer[] {
  const [count, bytes] = api === 'batch' ? [1, depth * ioSize] : [depth, ioSize];
  return Array.from({ length: count }, () => environment.allocate(bytes));
}

/** Keeps a queue pair at its depth until a time of `performance.now()`, through the batch interface. */
export async function driveBatch(lane: Lane, end: number): Promise<void> {
  const { namespace, queuePair, plan, steps, meter, pace, verifier, signal } = lane;
  const { depth, ioSize } = plan;
  const buffer = lane.buffers[0] as DmaBuffer;
  const words = Array.from({ length: depth }, (_, tag) => wordsOf(buffer, tag * ioSize, ioSize));
  const begun = new Float64Array(depth);
  const write = new Uint8Array(depth);
  const units = new Float64Array(depth);
  const idle: number[] = Array.from({ length: depth }, (_, tag) => tag);
  const batch = queuePair.openBatch();
  const start = (tag: number, now: number) => {
    const step = steps.next();
    begun[tag] = now;
    write[tag] = Number(step.write);
    units[tag] = step.unit;
    const at = tag * ioSize;
    if (step.write) verifier?.stamp(words[tag] as Uint32Array, step.unit);
    if (step.write) batch.write(namespace, buffer, at, step.offset, ioSize, tag);
    else batch.read(namespace, buffer, at, step.offset, ioSize, tag);
  };
  const going = (now: number) => now < end && !signal.aborted;
  let turned = performance.now();
  try {
    for (;;) {
      let now = performance.now();
      if (batch.outstanding === 0) lane.heard = now;
      if (going(now)) while (idle.length > 0 && pace.mayStart(now)) start(idle.pop() as number, now);
      batch.submit();
      lane.outstanding = batch.outstanding;
      if (lane.outstanding === 0) {
        if (!going(now)) break;
        await pace.wait(now);
        continue;
      }
      // With a rate, the next operation may be due before the first of these has completed.
      const isPaced = idle.length > 0 && going(now);
      let count = isPaced ? batch.reap() : await batch.wait();
      if (count === 0 && isPaced && plan.polling !== 'inline')
        count = await waitAtMost(batch, pace.delay(now));
      now = performance.now();
      if (now - turned > longestTurnMs) {
        await new Promise((resolve) => setImmediate(resolve));
        turned = now;
      }
      if (count > 0) lane.heard = now;
      for (let i = 0; i < count; i++) {
        const tag = batch.tags[i] as number;
        const isWrite = write[tag] === 1;
        const done = batch.statuses[i] === 0;
        if (verifier) settle(lane, verifier, words[tag] as Uint32Array, units[tag] as number, isWrite, done);
        if (done) meter.add(begun[tag] as number, now, ioSize, isWrite);
        else {
          meter.failed++;
          endIfPointless(batch.error(i), namespace);
        }
        idle.push(tag);
      }
    }
  } finally {
    if (batch.outstanding === 0) batch.close();
  }
}

/** Keeps it at its depth through promises. */
export async function drivePromises(lane: Lane, end: number): Promise<void> {
  const { namespace, queuePair, plan, steps, meter, pace, verifier, signal } = lane;
  const { ioSize } = plan;
  const one = async (buffer: DmaBuffer): Promise<void> => {
    const words = wordsOf(buffer, 0, ioSize);
    let now = performance.now();
    for (;;) {
      if (now >= end || signal.aborted) return;
      if (!pace.mayStart(now)) {
        await pace.wait(now);
        now = performance.now();
        continue;
      }
      const { unit, offset, write } = steps.next();
      if (write) verifier?.stamp(words, unit);
      if (lane.outstanding++ === 0) lane.heard = now;
      try {
        if (write) await namespace.write(buffer, { offset, queuePair });
        else await namespace.read(buffer, { offset, queuePair });
      } catch (error) {
        now = lane.heard = performance.now();
        if (verifier) {
          settle(lane, verifier, words, unit, write, false);
          now = performance.now();
        }
        meter.failed++;
        endIfPointless(error, namespace);
        continue;
      } finally {
        lane.outstanding--;
      }
      const begun = now;
      now = lane.heard = performance.now();
      meter.add(begun, now, ioSize, write);
      if (!verifier) continue;
      settle(lane, verifier, words, unit, write, true);
      now = performance.now();
    }
  };
  await Promise.all(lane.buffers.map(one));
}

/** Checks or records the data of an operation of `--verify` that has ended. */
function settle(
  { meter }: Lane,
  verifier: Verifier,
  words: Uint32Array,
  unit: number,
  write: boolean,
  done: boolean,
): void {
  if (write) verifier.written(words, unit, done);
  else if (done) meter.addMismatch(verifier.check(words, unit));
  verifier.release(unit);
}

/** How long a run that always finds completions keeps the event loop from signals, timers and requests for its statistics. */
const longestTurnMs = 5;

/** Memory as numbers of 32 bits. */
export function wordsOf(buffer: Buffer, at: number, bytes: number): Uint32Array {
  return new Uint32Array(buffer.buffer, buffer.byteOffset + at, bytes / 4);
}

/** The completions of a batch, 0 if none comes in time. */
async function waitAtMost(batch: Batch, ms: number): Promise<number> {
  try {
    return await batch.wait({ timeoutMs: Math.ceil(ms) });
  } catch (error) {
    if (codeOf(error) === 'ERR_SPDK_TIMEOUT') return 0;
    throw error;
  }
}

/**
 * A lost controller ends the run, and so does a command that was not sent, as when its namespace is gone: all further ones fail as fast as
 * they are tried, and would keep the event loop from signals.
 */
function endIfPointless(error: unknown, { controller }: Namespace): void {
  const sent = error instanceof Error && 'nvmeStatus' in error && error.nvmeStatus !== undefined;
  if (controller.state !== 'attached' || !sent) throw error;
}
