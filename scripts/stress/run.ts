import { Environment, spdkVersion } from '../../lib/index.js';
import { type Counts, countsOf, leaked, rdmaOf, worst } from './counts.js';
import { collectGarbage, Retained } from './garbage.js';
import { runLoops } from './loops.js';
import type { StressOptions } from './options.js';
import type { Message, Progress } from './protocol.js';
import type { StressReport } from './report.js';
import { countResources, countWhenQuiet, countWhenStable, hugepageFiles } from './resources.js';
import type { StopSignal } from './stop.js';
import { codeOf, Tally } from './tally.js';
import { device, target } from './target.js';

/** So that code is compiled, caches are filled and V8's heap has found its size before anything is compared. */
const WARM_UP_LOOPS = 5;
/** For the kernel's target, which closes connections after us, and for threads and descriptors of child processes. */
const QUIET_LIMIT_MS = 10_000;
/** V8 takes what is garbage at once; some turns later it tells. */
const COLLECT_LIMIT_MS = 2_000;
const CLOSE_LIMIT_MS = 10_000;
/** After a signal the fabric is taken away some seconds later: the report has to be out before. */
const STOPPED_LIMIT_MS = 500;
const STOPPED_CLOSE_LIMIT_MS = 1_000;
const PROGRESS_EVERY_MS = 200;

/**
 * Runs the loops and reports.
 *
 * Leaks are looked for at two places, and the larger count is reported: with the environment open after the last
 * loop, where a controller that was lost is still there, and after the environment was closed.
 * - RDMA resources, protection domains aside, must be back at both places to what they were before SPDK was first
 *   started.
 * - File descriptors, threads and hugepages cannot be: DPDK keeps its memory, with a descriptor a page, and a thread
 *   till the process ends, and librdmacm keeps its device open, where newer SPDK keeps protection domains. So one short
 *   life of an environment goes before, and each place is compared with the same place of that life or after the
 *   warm-up.
 * - Files in hugetlbfs outlive a process: none may be there that was not before SPDK was first started.
 */
export async function runStress(
  options: StressOptions,
  stop: StopSignal,
  send: (message: Message) => void,
): Promise<StressReport> {
  const tally = new Tally((text) => send({ type: 'note', text }));
  send({ type: 'note', text: 'Warming up' });
  const retained = new Retained();
  const filesBefore = new Set(hugepageFiles());
  const before = await count();

  await inEnvironment(options, stop, tally, (environment) => warmUp(environment, options, 1, stop, tally));
  const closedBefore = await baseline(before);

  const { openLeaks, rssGrowthKiB, seconds } = await inEnvironment(
    options,
    stop,
    tally,
    async (environment) => {
      await warmUp(environment, options, WARM_UP_LOOPS, stop, tally);
      const openBefore = await baseline(before);
      const rssBefore = residentKiB();
      environment.on('attached', (controller) => retained.watch(controller));
      tally.begin();
      const start = performance.now();
      await withProgress(tally, send, () => runLoops(environment, options, stop, tally));
      const elapsed = (performance.now() - start) / 1000;
      const growth = residentKiB() - rssBefore;
      // After a signal time is short, and its loop may hold its controllers still: what the close leaves has to do.
      const leaks = stop.requested ? countsOf(() => 0) : await leaksSince(openBefore, stop);
      return { openLeaks: leaks, rssGrowthKiB: growth, seconds: elapsed };
    },
  );
  const closedLeaks = await leaksSince(closedBefore, stop);
  const filesLeft = hugepageFiles().filter((file) => !filesBefore.has(file)).length;
  const fileLeaks = countsOf((kind) => (kind === 'hugepages' ? filesLeft : 0));

  return {
    spdk: spdkVersion().text,
    device,
    target,
    pollers: options.pollers,
    ioQueues: options.ioQueues,
    controllers: options.controllers,
    loops: options.loops ?? tally.loops,
    completed: tally.completed,
    failed: tally.failed,
    hangs: tally.hangs,
    failuresByCode: tally.failuresByCode,
    attachMs: tally.latencies.attach.summary(),
    detachMs: tally.latencies.detach.summary(),
    leaks: worst(openLeaks, closedLeaks, fileLeaks),
    rssGrowthKiB,
    controllersRetained: stop.requested ? null : await retained.count(COLLECT_LIMIT_MS),
    seconds: Math.round(seconds * 100) / 100,
    interrupted: stop.requested,
  };
}

/** Opens an environment for the work and closes it. A close that fails is counted, so that the report still comes. */
async function inEnvironment<Result>(
  { pollers }: StressOptions,
  stop: StopSignal,
  tally: Tally,
  work: (environment: Environment) => Promise<Result>,
): Promise<Result> {
  const environment = await Environment.init({ name: 'spdk-nvme-stress', pollers });
  environment.on('failed', (controller, error) => {
    tally.fail(codeOf(error), `${controller.transportId.subnqn}: ${error.message}`);
  });
  try {
    return await work(environment);
  } finally {
    const timeoutMs = stop.requested ? STOPPED_CLOSE_LIMIT_MS : CLOSE_LIMIT_MS;
    await environment
      .close({ timeoutMs })
      .catch((error: unknown) => tally.fail(codeOf(error), `close: ${String(error)}`));
  }
}

async function warmUp(
  environment: Environment,
  options: StressOptions,
  loops: number,
  stop: StopSignal,
  tally: Tally,
): Promise<void> {
  await runLoops(environment, { ...options, loops: tally.loops + loops, seconds: undefined }, stop, tally);
}

/** What later counts at the same place are compared with: RDMA resources as they were before everything. */
export async function baseline(before: Counts): Promise<Counts> {
  const rdma = rdmaOf(before);
  const reference = { ...countsOf(() => Number.POSITIVE_INFINITY), ...rdma };
  return { ...(await countWhenStable(count, reference, QUIET_LIMIT_MS)), ...rdma };
}

/** What there is more of than in the baseline of the same place. */
export async function leaksSince(baseline: Counts, stop: StopSignal): Promise<Counts> {
  const limitMs = stop.requested ? STOPPED_LIMIT_MS : QUIET_LIMIT_MS;
  return leaked(baseline, await countWhenQuiet(count, baseline, limitMs));
}

export function count(): Promise<Counts> {
  return countResources(device);
}

export async function withProgress<Result>(
  tally: { readonly loops: number; readonly failed: number; readonly hangs: number },
  send: (message: { readonly type: 'progress' } & Progress) => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const start = performance.now();
  const tell = () => {
    const { loops, failed, hangs } = tally;
    send({ type: 'progress', loops, failed, hangs, elapsedMs: Math.round(performance.now() - start) });
  };
  tell();
  const timer = setInterval(tell, PROGRESS_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    tell();
  }
}

export function residentKiB(): number {
  collectGarbage();
  return Math.round(process.memoryUsage.rss() / 1024);
}
