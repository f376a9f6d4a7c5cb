import { setTimeout as sleep } from 'node:timers/promises';
import { Environment, spdkVersion } from '../../lib/index.js';
import { countsOf, worst } from '../stress/counts.js';
import { Retained } from '../stress/garbage.js';
import type { Message } from '../stress/protocol.js';
import { hugepageFiles } from '../stress/resources.js';
import { baseline, count, leaksSince, residentKiB, withProgress } from '../stress/run.js';
import type { StopSignal } from '../stress/stop.js';
import { device } from '../stress/target.js';
import { Random } from '../testing/random.js';
import { Client } from './client.js';
import { disturb } from './faults.js';
import { Findings } from './findings.js';
import { Ledger } from './ledger.js';
import type { SoakOptions } from './options.js';
import type { SoakReport } from './report.js';

/** So that code is compiled, caches are filled and V8's heap has found its size before anything is compared. */
const warmUpMs = 4_000;
const collectLimitMs = 2_000;
const closeLimitMs = 10_000;
/** An operation may take that long to end once it is time to stop; see client.ts. */
const stoppedLimitMs = 3_000;

/**
 * Runs the soak and reports. Leaks are counted as the stress script counts them (see runStress there): with the
 * environment open and after its close, each beside the same place of an earlier, short life.
 */
export async function runSoak(
  options: SoakOptions,
  stop: StopSignal,
  send: (message: Message<SoakReport>) => void,
): Promise<SoakReport> {
  const findings = new Findings((text) => send({ type: 'note', text }));
  send({ type: 'note', text: `Seed ${options.seed}. Warming up` });
  const retained = new Retained();
  const filesBefore = new Set(hugepageFiles());
  const before = await count();

  const warmUp = new Findings((text) => send({ type: 'note', text: `warm-up: ${text}` }));
  await inEnvironment(options, warmUp, (environment) =>
    soak(environment, options, warmUp, stop, warmUpMs / 4),
  );
  const closedBefore = await baseline(before);

  const { openLeaks, rssGrowthKiB, seconds } = await inEnvironment(options, findings, async (environment) => {
    await soak(environment, options, warmUp, stop, warmUpMs);
    const openBefore = await baseline(before);
    const rssBefore = residentKiB();
    environment.on('attached', (controller) => retained.watch(controller));
    const begun = performance.now();
    await withProgress(findings, send, () =>
      soak(environment, options, findings, stop, options.minutes * 60_000),
    );
    const elapsed = (performance.now() - begun) / 1_000;
    const growth = residentKiB() - rssBefore;
    // After a signal time is short: what the close leaves has to do.
    const leaks = stop.requested ? countsOf(() => 0) : await leaksSince(openBefore, stop);
    return { openLeaks: leaks, rssGrowthKiB: growth, seconds: elapsed };
  });
  const closedLeaks = await leaksSince(closedBefore, stop);
  const filesLeft = hugepageFiles().filter((file) => !filesBefore.has(file)).length;
  const fileLeaks = countsOf((kind) => (kind === 'hugepages' ? filesLeft : 0));

  const { cycles, operations, faults, bytesVerified, mismatches, hangs, unexpected } = findings;
  return {
    spdk: spdkVersion().text,
    device,
    ...options,
    cycles,
    operations,
    faults,
    bytesVerified,
    mismatches: mismatches + warmUp.mismatches,
    hangs: hangs + warmUp.hangs,
    unexpected: { ...warmUp.unexpected, ...unexpected },
    leaks: worst(openLeaks, closedLeaks, fileLeaks),
    rssGrowthKiB,
    controllersRetained: stop.requested ? null : await retained.count(collectLimitMs),
    seconds: Math.round(seconds * 100) / 100,
    interrupted: stop.requested,
  };
}

/** Opens an environment for the work and closes it. A close that fails is counted, so that the report still comes. */
async function inEnvironment<Result>(
  { pollers }: SoakOptions,
  findings: Findings,
  work: (environment: Environment) => Promise<Result>,
): Promise<Result> {
  const environment = await Environment.init({ name: 'spdk-nvme-soak', pollers });
  try {
    return await work(environment);
  } finally {
    const close = environment.close({ timeoutMs: closeLimitMs });
    await findings.watch('close', closeLimitMs * 2, close);
  }
}

/** All clients and the faults, for a time or until a signal; the target is as it was afterwards. */
async function soak(
  environment: Environment,
  { seed, controllers }: SoakOptions,
  findings: Findings,
  stop: StopSignal,
  ms: number,
): Promise<void> {
  const over = new AbortController();
  const timer = sleep(ms, undefined, { signal: over.signal }).catch(() => {});
  const faults = disturb(new Random(seed), controllers, over.signal, (kind) => findings.fault(kind));
  const clients = Array.from({ length: controllers }, (_, index) => {
    const random = new Random(seed + (index + 1) * 7_919);
    return new Client(index, environment, random, new Ledger(index), findings).work(over.signal);
  });
  await stop.waitFor(timer, 0);
  over.abort();
  await stop.waitFor(
    Promise.all([faults, ...clients]).then(() => {}),
    stoppedLimitMs,
  );
}
