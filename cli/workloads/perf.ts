// A performance run, from its plan to its report.

import { type Controller, type Environment, formatTransportId, type Namespace, spdkVersion } from 'spdk-nvme';
import { Events, type RunEvent } from '../engine/measure/events.js';
import type { Bin } from '../engine/measure/histogram.js';
import { type Surroundings, surroundings } from '../engine/measure/surroundings.js';
import { explain, Failure } from '../engine/process/exit.js';
import { progressBar, transferBar } from '../engine/terminal/transfer-bar.js';
import { allocate, driveBatch, drivePromises, type Lane, wordsOf } from './io-drivers.js';
import { type Interval, IoMeter, type LatencyReport } from './io-meter.js';
import { type IoPlan, placesOf, Steps } from './io-plan.js';
import { Pace } from './pace.js';
import { Verifier } from './verifier.js';

/** What a performance run measured; `-o json` prints it as it is. */
export interface PerfReport extends IoPlan {
  readonly schema: 1;
  /** SPDK's own name of its release. */
  readonly spdk: string;
  readonly target: string;
  readonly namespaceId: number;
  readonly ioQueues: number;
  /** How long was measured. */
  readonly measuredSeconds: number;
  readonly operations: number;
  readonly reads: number;
  readonly iops: number;
  readonly bytesPerSecond: number;
  readonly latencyUs: LatencyReport;
  /** Processor time of this process for a million operations. */
  readonly cpuSecondsPerMillion: number;
  readonly failed: number;
  /** Reads with `--verify` that did not give what was written, those at the end among them. */
  readonly mismatches: number;
  readonly intervals: readonly Interval[];
  /** How many operations took how long, in microseconds. */
  readonly distributionUs: readonly Bin[];
  /** What happened to the controller meanwhile. */
  readonly events: readonly RunEvent[];
  readonly environment: Surroundings;
  /** Everything that is wrong, a line each. */
  readonly findings: readonly string[];
  readonly interrupted: boolean;
}

/** The bytes of one operation that fills or checks with `--verify`. */
const pieceBytes = 1 << 20;
const piecesAtOnce = 4;
const stallCheckMs = 100;
const progressEveryMs = 500;

type Limits = { readonly timeoutMs: number; readonly signal: AbortSignal };

/** Loads a namespace as the plan says, and measures. */
export async function runPerf(
  environment: Environment,
  controller: Controller,
  namespace: Namespace,
  plan: IoPlan,
  { timeoutMs, signal, ioQueues }: Limits & { readonly ioQueues: number },
): Promise<PerfReport> {
  const meter = new IoMeter();
  const events = new Events();
  const quiet = watchController(controller, events);
  const { queuePairs } = controller;
  const verifier = plan.verify ? new Verifier(plan, placesOf(plan)) : undefined;
  if (verifier) await fill(namespace, plan, verifier, { timeoutMs, signal });
  const lanes = queuePairs.map(
    (queuePair, index): Lane => ({
      buffers: allocate(environment, plan),
      namespace,
      queuePair,
      plan,
      steps: new Steps(plan, index, queuePairs.length, verifier),
      meter,
      pace: new Pace(
        plan.rate === undefined ? undefined : plan.rate / queuePairs.length,
        index / queuePairs.length,
      ),
      verifier,
      signal,
      outstanding: 0,
      heard: performance.now(),
    }),
  );
  const drive = plan.api === 'batch' ? driveBatch : drivePromises;
  const all = (end: number) =>
    unlessStalled(lanes, timeoutMs, Promise.all(lanes.map((lane) => drive(lane, end))));
  const measured = await measure(plan, meter, events, all);
  let problem = measured.failure;
  // After a failure a lane may still use its memory, which then ends with the environment.
  if (problem === undefined) for (const buffer of lanes.flatMap(({ buffers }) => buffers)) buffer.release();
  if (verifier && problem === undefined && !signal.aborted) {
    problem = await checkAll(namespace, plan, verifier, meter, { timeoutMs, signal }).then(
      () => undefined,
      (error: unknown) => (signal.aborted ? undefined : explain(error)),
    );
  }
  quiet();
  return {
    schema: 1,
    spdk: spdkVersion().text,
    target: formatTransportId(controller.transportId),
    namespaceId: namespace.id,
    ioQueues: queuePairs.length,
    ...plan,
    measuredSeconds: round(measured.seconds),
    operations: meter.operations,
    reads: meter.reads,
    iops: round(meter.operations / measured.seconds),
    bytesPerSecond: Math.round(meter.bytes / measured.seconds),
    latencyUs: meter.latency(),
    cpuSecondsPerMillion: meter.operations === 0 ? 0 : round(measured.cpuUs / meter.operations),
    failed: meter.failed,
    mismatches: meter.mismatches,
    intervals: meter.intervals,
    distributionUs: meter.distribution(),
    events: events.list(),
    environment: surroundings(),
    findings: [
      ...(queuePairs.length < ioQueues
        ? [`FEWER_IO_QUEUES: the target granted ${queuePairs.length} of ${ioQueues} I/O queues`]
        : []),
      ...findings(meter),
      ...(meter.operations + meter.failed > 0 || problem !== undefined || signal.aborted
        ? []
        : ['no operation was done']),
      ...(problem === undefined ? [] : [problem]),
    ],
    interrupted: signal.aborted,
  };
}

interface Measured {
  readonly seconds: number;
  /** Processor time of the process. */
  readonly cpuUs: number;
  /** Why it ended before its time. */
  readonly failure: string | undefined;
}

/**
 * Runs the load for the time of the plan, and shows how far it is.
 * @param load runs it until a time of `performance.now()`
 */
async function measure(
  { rampSeconds, seconds }: IoPlan,
  meter: IoMeter,
  events: Events,
  load: (end: number) => Promise<void>,
): Promise<Measured> {
  const progress = showTime(rampSeconds + seconds, meter);
  try {
    if (rampSeconds > 0) await load(performance.now() + rampSeconds * 1_000);
    meter.begin();
    events.begin();
    const cpu = process.cpuUsage();
    const begun = performance.now();
    const failure = await load(begun + seconds * 1_000).then(
      () => undefined,
      (error: unknown) => explain(error),
    );
    const took = (performance.now() - begun) / 1_000;
    meter.end();
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: took, cpuUs: user + system, failure };
  } finally {
    progress.stop();
  }
}

/** Everything that keeps a run from being clean, a line each. */
function findings({ failed, mismatches, firstMismatch: first }: IoMeter): string[] {
  const what = first?.stale ? 'what an earlier write left: a write is lost' : 'not what was written';
  return [
    ...(failed > 0 ? [`${failed} operations failed`] : []),
    ...(first ? [`${mismatches} reads returned wrong data; the first, at ${first.offset}, is ${what}`] : []),
  ];
}

/** A progress bar for the time of a run. */
function showTime(seconds: number, meter: IoMeter): { stop(): void } {
  const begun = performance.now();
  const elapsed = () => Math.min(seconds, (performance.now() - begun) / 1_000);
  const bar = progressBar(
    seconds,
    (done) => `${Math.round(done)} of ${seconds} s, ${meter.operations} operations`,
  );
  const timer = setInterval(() => bar.update(elapsed()), progressEveryMs);
  return {
    stop: () => {
      clearInterval(timer);
      bar.stop();
    },
  };
}

/** Notes what happens to a controller, until the function that it gives is called. */
function watchController(controller: Controller, events: Events): () => void {
  const onState = (state: string) => events.add(`the controller is ${state}`);
  const onFailed = (error: Error) => events.add(error.message);
  controller.on('state', onState).on('failed', onFailed);
  return () => controller.off('state', onState).off('failed', onFailed);
}

/** Waits for the work of the lanes, but not longer than `timeoutMs` for a command: without a clock for each of them. */
async function unlessStalled(
  lanes: readonly Lane[],
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const since = performance.now() - timeoutMs;
      if (lanes.some(({ outstanding, heard }) => outstanding > 0 && heard < since))
        reject(new Failure(`ERR_SPDK_TIMEOUT: no command of a queue completed within ${timeoutMs} ms`));
    }, stallCheckMs);
  });
  try {
    await Promise.race([work, stalled]);
  } finally {
    clearInterval(timer);
    // After a stall it ends with the controller.
    work.catch(() => {});
  }
}

/** Writes what reads will find. */
async function fill(namespace: Namespace, plan: IoPlan, verifier: Verifier, limits: Limits): Promise<void> {
  await sweep(plan, 'Filling: ', async (piece, offset, first) => {
    eachPlace(plan, piece, first, (words, place) => verifier.stampFirst(words, place));
    await namespace.write(piece, { offset, ...limits });
  });
}

/** Reads everything once more: a write that was lost may not have been read since. */
async function checkAll(
  namespace: Namespace,
  plan: IoPlan,
  verifier: Verifier,
  meter: IoMeter,
  limits: Limits,
): Promise<void> {
  await sweep(plan, 'Checking: ', async (piece, offset, first) => {
    await namespace.read(piece, { offset, ...limits });
    eachPlace(plan, piece, first, (words, place) => meter.addMismatch(verifier.check(words, place)));
  });
}

/** Goes through all places, some pieces of whole places at a time. */
async function sweep(
  plan: IoPlan,
  what: string,
  work: (piece: Buffer, offset: number, firstPlace: number) => Promise<void>,
): Promise<void> {
  const { ioSize } = plan;
  const places = placesOf(plan);
  const each = Math.max(1, Math.floor(pieceBytes / ioSize));
  const bar = transferBar(places * ioSize, what);
  let next = 0;
  let done = 0;
  const worker = async () => {
    const buffer = Buffer.alloc(each * ioSize);
    while (next < places) {
      const first = next;
      const count = Math.min(each, places - first);
      next += count;
      await work(buffer.subarray(0, count * ioSize), plan.offset + first * ioSize, first);
      done += count;
      bar.update(done * ioSize);
    }
  };
  try {
    await Promise.all(Array.from({ length: piecesAtOnce }, worker));
  } finally {
    next = places;
    bar.stop();
  }
}

function eachPlace(
  { ioSize }: IoPlan,
  piece: Buffer,
  first: number,
  use: (words: Uint32Array, place: number) => void,
): void {
  for (let i = 0; i * ioSize < piece.length; i++) use(wordsOf(piece, i * ioSize, ioSize), first + i);
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
