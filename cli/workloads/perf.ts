// A performance run, from its plan to its report.

import {
  type Controller,
  type ControllerInfo,
  type Environment,
  formatTransportId,
  type Namespace,
  type QueuePair,
  spdkVersion,
} from 'spdk-nvme';
import { Events, type RunEvent } from '../engine/measure/events.js';
import type { Bin } from '../engine/measure/histogram.js';
import { type Surroundings, surroundings } from '../engine/measure/surroundings.js';
import { explain, Failure, messageOf } from '../engine/process/exit.js';
import { many } from '../engine/terminal/many.js';
import { progressBar } from '../engine/terminal/transfer-bar.js';
import { allocate, driveBatch, drivePromises, type Lane } from './io-drivers.js';
import { type Interval, IoMeter, type LatencyReport } from './io-meter.js';
import { type IoPlan, Steps, unitsOf } from './io-plan.js';
import { Pace } from './pace.js';
import { checkAll, fill, type Limits } from './verified-range.js';
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

const stallCheckMs = 50;
const progressEveryMs = 500;

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
  const { queuePairs, info } = controller;
  const verifier = plan.verify ? new Verifier(plan, unitsOf(plan)) : undefined;
  if (verifier) await fill(namespace, plan, verifier, { timeoutMs, signal });
  // More commands would wait on this side, as a part of their latency.
  const sent = { ...plan, depth: Math.min(plan.depth, commandsIn(info)) };
  const lanes = lanesOf(environment, queuePairs, { namespace, plan: sent, meter, verifier, signal });
  const drive = plan.api === 'batch' ? driveBatch : drivePromises;
  const all = async (end: number) => {
    // After a signal during the ramp, the lanes may still wait for their commands.
    if (signal.aborted) return;
    await unlessStalled(lanes, { timeoutMs, signal }, Promise.all(lanes.map((lane) => drive(lane, end))));
  };
  const measured = await measure(plan, meter, events, all);
  let problem = measured.failure;
  // After a failure or a signal a lane may still use its memory, which then ends with the environment.
  if (problem === undefined && lanes.every(({ outstanding }) => outstanding === 0))
    for (const buffer of lanes.flatMap(({ buffers }) => buffers)) buffer.release();
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
    ...resultsOf(meter, measured),
    events: events.list(),
    environment: surroundings(),
    findings: [
      ...(queuePairs.length < ioQueues
        ? [`FEWER_IO_QUEUES: the target granted ${queuePairs.length} of ${ioQueues} I/O queues`]
        : []),
      ...(sent.depth < plan.depth
        ? [`SHORTER_IO_QUEUES: the target granted a depth of ${sent.depth} instead of ${plan.depth}`]
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

/** How many commands a queue holds at a time: from SPDK v22.05 on, one less than it has entries. */
function commandsIn({ queueDepth }: ControllerInfo): number {
  const { major, minor } = spdkVersion();
  return major > 22 || (major === 22 && minor >= 5) ? queueDepth - 1 : queueDepth;
}

/** One lane for each queue pair. */
function lanesOf(
  environment: Environment,
  queuePairs: readonly QueuePair[],
  common: Pick<Lane, 'namespace' | 'plan' | 'meter' | 'verifier' | 'signal'>,
): Lane[] {
  const { plan, verifier } = common;
  const queues = queuePairs.length;
  const rate = plan.rate === undefined ? undefined : plan.rate / queues;
  return queuePairs.map((queuePair, index) => ({
    ...common,
    queuePair,
    buffers: allocate(environment, plan),
    steps: new Steps(plan, index, queues, verifier),
    pace: new Pace(rate, index / queues),
    outstanding: 0,
    heard: performance.now(),
  }));
}

/** The figures of a report. */
function resultsOf(meter: IoMeter, { seconds, cpuUs }: Measured) {
  const { operations, reads, failed, mismatches, intervals } = meter;
  return {
    measuredSeconds: round(seconds),
    operations,
    reads,
    iops: round(operations / seconds),
    bytesPerSecond: Math.round(meter.bytes / seconds),
    latencyUs: meter.latency(),
    cpuSecondsPerMillion: operations === 0 ? 0 : round(cpuUs / operations),
    failed,
    mismatches,
    intervals,
    distributionUs: meter.distribution(),
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
    ...(failed > 0 ? [`${many(failed, 'operation')} failed`] : []),
    ...(first
      ? [`${many(mismatches, 'read')} returned wrong data; the first, at ${first.offset}, is ${what}`]
      : []),
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
  const onFailed = (error: Error) => events.add(messageOf(error));
  controller.on('state', onState).on('failed', onFailed);
  return () => controller.off('state', onState).off('failed', onFailed);
}

/**
 * Waits for the lanes, but at most `timeoutMs` for a command. After a signal it does not wait for slow commands, so that there is time for the
 * report.
 */
async function unlessStalled(
  lanes: readonly Lane[],
  { timeoutMs, signal }: Limits,
  work: Promise<unknown>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve, reject) => {
    let stopped = false;
    let checked = performance.now();
    timer = setInterval(() => {
      if (stopped) resolve();
      stopped = signal.aborted;
      const now = performance.now();
      // Where the whole process was stopped, as by Ctrl-Z, what has completed meanwhile is not collected yet: that time does not count.
      const away = now - checked - 2 * stallCheckMs;
      if (away > 0) for (const lane of lanes) lane.heard += away;
      checked = now;
      const since = now - timeoutMs;
      if (lanes.some(({ outstanding, heard }) => outstanding > 0 && heard < since))
        reject(new Failure(`ERR_SPDK_TIMEOUT: no command of a queue completed within ${timeoutMs} ms`));
    }, stallCheckMs);
  });
  try {
    await Promise.race([work, over]);
  } finally {
    clearInterval(timer);
    // After a stall or a signal it ends with the controller.
    work.catch(() => {});
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
