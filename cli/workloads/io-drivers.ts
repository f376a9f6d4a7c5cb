import type { Environment, Namespace, QueuePair } from 'spdk-nvme';
import type { IoMeter } from './io-meter.js';
import type { IoPlan, Steps } from './io-plan.js';
import type { Pace } from './pace.js';
import { mismatchAt, stamp } from './pattern-data.js';

/** One queue pair of a run, and what it needs. */
export interface Lane {
  readonly environment: Environment;
  readonly namespace: Namespace;
  readonly queuePair: QueuePair;
  readonly plan: IoPlan;
  readonly steps: Steps;
  readonly meter: IoMeter;
  readonly pace: Pace;
  /** What `--verify` stamps data with. */
  readonly run: number;
  readonly signal: AbortSignal;
  /** When a command last completed or nothing was outstanding, on the clock of `performance.now()`. */
  heard: number;
}

/** Keeps a queue pair at its depth until a time of `performance.now()`, through the batch interface. */
export async function driveBatch(lane: Lane, end: number): Promise<void> {
  const { environment, namespace, queuePair, plan, steps, meter, pace, run, signal } = lane;
  const { depth, ioSize, verify } = plan;
  const buffer = environment.allocate(depth * ioSize);
  const begun = new Float64Array(depth);
  const write = new Uint8Array(depth);
  const offsets = new Float64Array(depth);
  const idle: number[] = Array.from({ length: depth }, (_, tag) => tag);
  const batch = queuePair.openBatch();
  const start = (tag: number, now: number) => {
    const step = steps.next();
    begun[tag] = now;
    write[tag] = Number(step.write);
    offsets[tag] = step.offset;
    const at = tag * ioSize;
    if (step.write && verify) stamp(buffer.subarray(at, at + ioSize), step.offset, run);
    if (step.write) batch.write(namespace, buffer, at, step.offset, ioSize, tag);
    else batch.read(namespace, buffer, at, step.offset, ioSize, tag);
  };
  const going = (now: number) => now < end && !signal.aborted;
  try {
    for (;;) {
      let now = performance.now();
      if (going(now)) while (idle.length > 0 && pace.take(now)) start(idle.pop() as number, now);
      batch.submit();
      if (batch.outstanding === 0) {
        if (!going(now)) break;
        await pace.wait(now);
        lane.heard = performance.now();
        continue;
      }
      let count = batch.reap();
      if (count === 0) {
        if (plan.polling === 'inline') await turn();
        else count = await batch.wait();
      }
      now = performance.now();
      if (count > 0) lane.heard = now;
      for (let i = 0; i < count; i++) {
        const tag = batch.tags[i] as number;
        const at = tag * ioSize;
        if (batch.statuses[i] !== 0) {
          meter.failed++;
          endIfLost(batch.error(i), namespace);
        } else {
          const isWrite = write[tag] === 1;
          meter.add(begun[tag] as number, now, ioSize, isWrite);
          if (verify && !isWrite) {
            const wrong = mismatchAt(buffer.subarray(at, at + ioSize), offsets[tag] as number, run);
            if (wrong !== undefined) meter.mismatches++;
          }
        }
        idle.push(tag);
      }
    }
  } finally {
    if (batch.outstanding === 0) batch.close();
    buffer.release();
  }
}

/** The same through promises. */
export async function drivePromises(lane: Lane, end: number): Promise<void> {
  const { environment, namespace, queuePair, plan, steps, meter, pace, run, signal } = lane;
  const { depth, ioSize, verify } = plan;
  const one = async (): Promise<void> => {
    const buffer = environment.allocate(ioSize);
    try {
      for (;;) {
        let now = performance.now();
        if (now >= end || signal.aborted) return;
        if (!pace.take(now)) {
          await pace.wait(now);
          lane.heard = performance.now();
          continue;
        }
        const { offset, write } = steps.next();
        if (write && verify) stamp(buffer, offset, run);
        try {
          if (write) await namespace.write(buffer, { offset, queuePair });
          else await namespace.read(buffer, { offset, queuePair });
        } catch (error) {
          meter.failed++;
          endIfLost(error, namespace);
          continue;
        }
        const begun = now;
        now = lane.heard = performance.now();
        meter.add(begun, now, ioSize, write);
        if (verify && !write && mismatchAt(buffer, offset, run) !== undefined) meter.mismatches++;
      }
    } finally {
      buffer.release();
    }
  };
  await Promise.all(Array.from({ length: depth }, one));
}

/** A lost controller ends the run: its commands fail as fast as they are sent. */
function endIfLost(error: unknown, { controller }: Namespace): void {
  if (controller.state !== 'attached') throw error;
}

/** Lets the event loop see signals and timers between two polls, now and then: it costs less than it would each time. */
let polls = 0;
function turn(): Promise<void> | undefined {
  polls = (polls + 1) % 256;
  return polls === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined;
}
