import { type Controller, type Environment, formatTransportId, type Namespace, spdkVersion } from 'spdk-nvme';
import { Events, type RunEvent } from '../engine/events.js';
import { explain, Failure } from '../engine/exit.js';
import type { Bin } from '../engine/histogram.js';
import { type Surroundings, surroundings } from '../engine/surroundings.js';
import { driveBatch, drivePromises, type Lane } from './io-drivers.js';
import { type Interval, IoMeter, type LatencyReport } from './io-meter.js';
import { type IoPlan, Steps } from './io-plan.js';
import { Pace } from './pace.js';
import { stamp } from './pattern-data.js';

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
  /** Reads with `--verify` that did not give what was written. */
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

const fillPiece = 1 << 20;
const stallCheckMs = 100;

/** Loads a namespace as the plan says, and measures. */
export async function runPerf(
  environment: Environment,
  controller: Controller,
  namespace: Namespace,
  plan: IoPlan,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<PerfReport> {
  const meter = new IoMeter();
  const events = new Events();
  const quiet = watchController(controller, events);
  const run = Math.floor(Math.random() * 2 ** 48);
  if (plan.verify) await fill(namespace, run, { timeoutMs, signal });
  const { queuePairs } = controller;
  const lanes = queuePairs.map(
    (queuePair, index): Lane => ({
      environment,
      namespace,
      queuePair,
      plan,
      steps: new Steps(plan, namespace.bytes, index, queuePairs.length),
      meter,
      pace: new Pace(plan.rate === undefined ? undefined : plan.rate / queuePairs.length),
      run,
      signal,
      heard: performance.now(),
    }),
  );
  const drive = plan.api === 'batch' ? driveBatch : drivePromises;
  const all = (end: number) =>
    unlessStalled(lanes, timeoutMs, Promise.all(lanes.map((lane) => drive(lane, end))));
  if (plan.rampSeconds > 0) await all(performance.now() + plan.rampSeconds * 1_000);
  meter.begin();
  events.begin();
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const failure = await all(begun + plan.seconds * 1_000).then(
    () => undefined,
    (error: unknown) => explain(error),
  );
  const seconds = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  quiet();
  return {
    schema: 1,
    spdk: spdkVersion().text,
    target: formatTransportId(controller.transportId),
    namespaceId: namespace.id,
    ioQueues: queuePairs.length,
    ...plan,
    measuredSeconds: round(seconds),
    operations: meter.operations,
    reads: meter.reads,
    iops: round(meter.operations / seconds),
    bytesPerSecond: Math.round(meter.bytes / seconds),
    latencyUs: meter.latency(),
    cpuSecondsPerMillion: meter.operations === 0 ? 0 : round((user + system) / meter.operations),
    failed: meter.failed,
    mismatches: meter.mismatches,
    intervals: meter.intervals,
    distributionUs: meter.distribution(),
    events: events.list(),
    environment: surroundings(),
    findings: [...findings(meter), ...(failure === undefined ? [] : [failure])],
    interrupted: signal.aborted,
  };
}

/** Everything that keeps a run from being clean, a line each. */
function findings({ failed, mismatches }: IoMeter): string[] {
  return [
    ...(failed > 0 ? [`${failed} operations failed`] : []),
    ...(mismatches > 0 ? [`${mismatches} reads returned wrong data`] : []),
  ];
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
      if (lanes.some(({ heard }) => heard < since))
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
async function fill(
  namespace: Namespace,
  run: number,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const piece = Buffer.alloc(fillPiece);
  for (let offset = 0; offset < namespace.bytes; offset += fillPiece) {
    const part = piece.subarray(0, Math.min(fillPiece, namespace.bytes - offset));
    stamp(part, offset, run);
    await namespace.write(part, { offset, ...limits });
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
