// A run between two counts of resources.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from 'spdk-nvme';
import type { Progress } from '../process/messages.js';
import { Patience } from '../process/patience.js';
import type { StopSignal } from '../process/stop.js';
import { type Counts, countsOf, leaked, rdmaOf, worst } from './counts.js';
import { collectGarbage, Retained } from './garbage.js';
import { countResources, countWhenQuiet, countWhenStable, hugepageFiles } from './resources.js';

/**
 * For the kernel's target, which closes connections after us, for threads and descriptors of child processes, and for
 * connects that SPDK needs half a minute to end (docs/reference/faults.md, "What stays").
 */
const QUIET_LIMIT_MS = 45_000;
/** V8 frees garbage immediately, and reports it some turns later. */
const COLLECT_LIMIT_MS = 2_000;
const PROGRESS_EVERY_MS = 200;
const COLLECT_TURNS = 4;
const COLLECT_PAUSE_MS = 50;

type Count = () => Promise<Counts>;

/** A run that is checked for leaks: its work in two environments, a short one and its own. */
export interface MeasuredRun {
  readonly stop: StopSignal;
  /** The device whose RDMA resources are counted; undefined for none. */
  readonly rdmaDevice: string | undefined;
  /** Opens an environment for the work and closes it. */
  readonly inEnvironment: (work: (environment: Environment) => Promise<void>) => Promise<void>;
  /** The work in the short environment. */
  readonly first: (environment: Environment) => Promise<void>;
  /** Whether that showed that there is nothing to measure. */
  readonly pointless?: () => boolean;
  /** Lets V8 compile code, fill caches and size its heap before anything is compared. */
  readonly warmUp: (environment: Environment) => Promise<void>;
  readonly work: (environment: Environment) => Promise<void>;
}

export interface Measurement {
  readonly leaks: Counts;
  readonly rssGrowthKiB: number;
  /** Controllers that garbage collection cannot free; null if a signal left no time to check. */
  readonly controllersRetained: number | null;
  /** The duration of the work. */
  readonly seconds: number;
}

/**
 * Does a run and counts the resources that it leaves.
 *
 * Leaks are counted at two moments, and the larger count is reported: with the environment open after the work, where
 * a controller that was lost is still there, and after the environment was closed.
 * - RDMA resources, except protection domains, must be back at both moments to what they were before SPDK's first start.
 * - File descriptors, threads and hugepages cannot be: DPDK keeps its memory, with a descriptor a page, and a thread
 *   until the process ends, and librdmacm keeps its device open, where newer SPDK keeps protection domains. So an
 *   environment is first opened and closed once, and each moment is compared with itself then or after the warm-up.
 * - Files in hugetlbfs outlive a process: none may be there that was not before SPDK was first started.
 */
export async function measure({
  stop,
  rdmaDevice,
  inEnvironment,
  first,
  pointless = () => false,
  warmUp,
  work,
}: MeasuredRun): Promise<Measurement> {
  const retained = new Retained();
  const count = () => countResources(rdmaDevice);
  await openFirstStream();
  const filesBefore = new Set(hugepageFiles());
  const before = await count();

  await inEnvironment(first);
  if (stop.requested || pointless())
    return { leaks: countsOf(() => 0), rssGrowthKiB: 0, controllersRetained: null, seconds: 0 };
  const closedBefore = await baseline(count, before, stop);

  let openLeaks = countsOf(() => 0);
  let rssGrowthKiB = 0;
  let seconds = 0;
  await inEnvironment(async (environment) => {
    await warmUp(environment);
    const openBefore = await baseline(count, before, stop);
    const rssBefore = await residentKiB();
    environment.on('attached', (controller) => retained.watch(controller));
    const begun = performance.now();
    await work(environment);
    seconds = Math.round((performance.now() - begun) / 10) / 100;
    rssGrowthKiB = (await residentKiB()) - rssBefore;
    // After a signal time is short and controllers may still be attached: only the resources after the close count.
    if (!stop.requested) {
      const leaks = await leaksSince(count, openBefore, stop);
      if (!stop.requested) openLeaks = leaks;
    }
  });
  const closedLeaks = await leaksSince(count, closedBefore, stop);
  const filesLeft = hugepageFiles().filter((file) => !filesBefore.has(file)).length;
  const held = stop.requested ? 0 : await retained.count(new Patience(COLLECT_LIMIT_MS, stop.signal));
  const fileLeaks = countsOf((kind) => (kind === 'hugepages' ? filesLeft : 0));
  return {
    leaks: worst(openLeaks, closedLeaks, fileLeaks),
    rssGrowthKiB,
    controllersRetained: stop.requested ? null : held,
    seconds,
  };
}

/**
 * With the first stream of a process libuv opens /dev/null, and keeps it. Where stdin, stdout and stderr are files, that
 * stream is the first one of the work, which would count as a leak.
 */
async function openFirstStream(): Promise<void> {
  const server = createServer().listen({ path: `\0spdk-nvme-${process.pid}` });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}

/** The baseline of later counts at the same moment; RDMA resources as they were at the very start. */
async function baseline(count: Count, before: Counts, stop: StopSignal): Promise<Counts> {
  const rdma = rdmaOf(before);
  const reference = { ...countsOf(() => Number.POSITIVE_INFINITY), ...rdma };
  return { ...(await countWhenStable(count, reference, patienceOf(stop))), ...rdma };
}

/** The resources that exceed the baseline of the same moment. */
async function leaksSince(count: Count, reference: Counts, stop: StopSignal): Promise<Counts> {
  return leaked(reference, await countWhenQuiet(count, reference, patienceOf(stop)));
}

function patienceOf({ signal }: StopSignal): Patience {
  return new Patience(QUIET_LIMIT_MS, signal);
}

/** Native code frees the resources of an object some turns after the object. */
async function residentKiB(): Promise<number> {
  for (let turn = 0; turn < COLLECT_TURNS; turn++) {
    collectGarbage();
    await sleep(COLLECT_PAUSE_MS);
  }
  return Math.round(process.memoryUsage.rss() / 1024);
}

/** Reports the progress of the work repeatedly. */
export async function withProgress(
  tally: { readonly loops: number; readonly failed: number; readonly hangs: number },
  send: (message: { readonly type: 'progress' } & Progress) => void,
  work: () => Promise<void>,
): Promise<void> {
  const start = performance.now();
  const report = () => {
    const { loops, failed, hangs } = tally;
    send({ type: 'progress', loops, failed, hangs, elapsedMs: Math.round(performance.now() - start) });
  };
  report();
  const timer = setInterval(report, PROGRESS_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
    report();
  }
}
