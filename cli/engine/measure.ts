import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from 'spdk-nvme';
import { type Counts, countsOf, leaked, rdmaOf, worst } from './counts.js';
import { collectGarbage, Retained } from './garbage.js';
import type { Progress } from './messages.js';
import { countResources, countWhenQuiet, countWhenStable, hugepageFiles } from './resources.js';
import type { StopSignal } from './stop.js';

/**
 * For the kernel's target, which closes connections after us, for threads and descriptors of child processes, and for
 * connects that SPDK takes half a minute to give up (docs/reference/faults.md, "What stays").
 */
const QUIET_LIMIT_MS = 45_000;
/** V8 takes what is garbage at once; some turns later it tells. */
const COLLECT_LIMIT_MS = 2_000;
/** After a signal nobody waits for long: the report has to be out before. */
const STOPPED_LIMIT_MS = 500;
const PROGRESS_EVERY_MS = 200;
const COLLECT_TURNS = 4;
const COLLECT_PAUSE_MS = 50;

type Count = () => Promise<Counts>;

/** A run whose leaks are looked for: what it does in two lives of an environment, a short one and its own. */
export interface MeasuredRun {
  readonly stop: StopSignal;
  /** Whose RDMA resources are counted; undefined: none are. */
  readonly rdmaDevice: string | undefined;
  /** Opens an environment for the work and closes it. */
  readonly inEnvironment: (work: (environment: Environment) => Promise<void>) => Promise<void>;
  /** All of the short life. */
  readonly first: (environment: Environment) => Promise<void>;
  /** So that code is compiled, caches are filled and V8's heap has found its size before anything is compared. */
  readonly warmUp: (environment: Environment) => Promise<void>;
  readonly work: (environment: Environment) => Promise<void>;
}

export interface Measurement {
  readonly leaks: Counts;
  readonly rssGrowthKiB: number;
  /** Controllers that garbage collection cannot take; null when a signal left no time to look. */
  readonly controllersRetained: number | null;
  /** How long the work took. */
  readonly seconds: number;
}

/**
 * Does a run and counts what it left behind.
 *
 * Leaks are looked for at two places, and the larger count is reported: with the environment open after the work, where
 * a controller that was lost is still there, and after the environment was closed.
 * - RDMA resources, protection domains aside, must be back at both places to what they were before SPDK was first
 *   started.
 * - File descriptors, threads and hugepages cannot be: DPDK keeps its memory, with a descriptor a page, and a thread
 *   till the process ends, and librdmacm keeps its device open, where newer SPDK keeps protection domains. So one short
 *   life of an environment goes before, and each place is compared with the same place of that life or after the
 *   warm-up.
 * - Files in hugetlbfs outlive a process: none may be there that was not before SPDK was first started.
 */
export async function measure({
  stop,
  rdmaDevice,
  inEnvironment,
  first,
  warmUp,
  work,
}: MeasuredRun): Promise<Measurement> {
  const retained = new Retained();
  const count = () => countResources(rdmaDevice);
  const filesBefore = new Set(hugepageFiles());
  const before = await count();

  await inEnvironment(first);
  const closedBefore = await baseline(count, before);

  let openLeaks = countsOf(() => 0);
  let rssGrowthKiB = 0;
  let seconds = 0;
  await inEnvironment(async (environment) => {
    await warmUp(environment);
    const openBefore = await baseline(count, before);
    const rssBefore = await residentKiB();
    environment.on('attached', (controller) => retained.watch(controller));
    const begun = performance.now();
    await work(environment);
    seconds = Math.round((performance.now() - begun) / 10) / 100;
    rssGrowthKiB = (await residentKiB()) - rssBefore;
    // After a signal time is short, and controllers may still be attached: what the close leaves has to do.
    if (!stop.requested) openLeaks = await leaksSince(count, openBefore, stop);
  });
  const closedLeaks = await leaksSince(count, closedBefore, stop);
  const filesLeft = hugepageFiles().filter((file) => !filesBefore.has(file)).length;
  const fileLeaks = countsOf((kind) => (kind === 'hugepages' ? filesLeft : 0));
  return {
    leaks: worst(openLeaks, closedLeaks, fileLeaks),
    rssGrowthKiB,
    controllersRetained: stop.requested ? null : await retained.count(COLLECT_LIMIT_MS),
    seconds,
  };
}

/** What later counts at the same place are compared with: RDMA resources as they were before everything. */
async function baseline(count: Count, before: Counts): Promise<Counts> {
  const rdma = rdmaOf(before);
  const reference = { ...countsOf(() => Number.POSITIVE_INFINITY), ...rdma };
  return { ...(await countWhenStable(count, reference, QUIET_LIMIT_MS)), ...rdma };
}

/** What there is more of than in the baseline of the same place. */
async function leaksSince(count: Count, reference: Counts, stop: StopSignal): Promise<Counts> {
  const limitMs = stop.requested ? STOPPED_LIMIT_MS : QUIET_LIMIT_MS;
  return leaked(reference, await countWhenQuiet(count, reference, limitMs));
}

/** What native code keeps for an object goes some turns after the object. */
async function residentKiB(): Promise<number> {
  for (let turn = 0; turn < COLLECT_TURNS; turn++) {
    collectGarbage();
    await sleep(COLLECT_PAUSE_MS);
  }
  return Math.round(process.memoryUsage.rss() / 1024);
}

/** Tells how far the work has come, again and again while it lasts. */
export async function withProgress(
  tally: { readonly loops: number; readonly failed: number; readonly hangs: number },
  send: (message: { readonly type: 'progress' } & Progress) => void,
  work: () => Promise<void>,
): Promise<void> {
  const start = performance.now();
  const tell = () => {
    const { loops, failed, hangs } = tally;
    send({ type: 'progress', loops, failed, hangs, elapsedMs: Math.round(performance.now() - start) });
  };
  tell();
  const timer = setInterval(tell, PROGRESS_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
    tell();
  }
}
