// A soak, from its options to its report.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Controller, Environment } from 'spdk-nvme';
import { measure, withProgress } from '../../cli/engine/measure/measure.js';
import { surroundings } from '../../cli/engine/measure/surroundings.js';
import type { Message } from '../../cli/engine/process/messages.js';
import type { StopSignal } from '../../cli/engine/process/stop.js';
import { device } from '../stress/target.js';
import { Random } from '../testing/random.js';
import { Client } from './client.js';
import { disturb } from './faults.js';
import { Findings } from './findings.js';
import { kernelPaths } from './kernel-paths.js';
import { Ledger } from './ledger.js';
import type { SoakOptions } from './options.js';
import { PathClient } from './path-client.js';
import { disturbPaths } from './path-faults.js';
import type { PathTarget } from './path-target.js';
import { ProcessWatch, type StarvationSince } from './process-watch.js';
import { operationNames, type SoakReport } from './report.js';
import { tcpPaths } from './tcp-paths.js';

const warmUpMs = 4_000;
const closeLimitMs = 10_000;
/** How long an operation may still take when the run ends; see client.ts. */
const stoppedLimitMs = 3_000;

/** Runs the soak and reports. */
export async function runSoak(
  options: SoakOptions,
  stop: StopSignal,
  send: (message: Message<SoakReport>) => void,
): Promise<SoakReport> {
  let paths: PathTarget | undefined;
  // Created before anything is counted, because it has a thread.
  const watch = new ProcessWatch(() => paths?.processes() ?? []);
  const starvationSince: StarvationSince = (begunMs) => watch.since(begunMs);
  const findings = new Findings((text) => send({ type: 'note', text }), starvationSince);
  send({ type: 'note', text: `Seed ${options.seed}. Warming up` });
  const warmUp = new Findings((text) => send({ type: 'note', text: `warm-up: ${text}` }), starvationSince);
  paths = await pathTarget(options, (text) => findings.note(text));
  const measurement = await measure({
    stop,
    rdmaDevice: options.workload === 'multipath-tcp' ? undefined : device,
    inEnvironment: (work) => inEnvironment(options, findings, work),
    first: (environment) => soak(environment, options, paths, warmUp, stop, warmUpMs / 4),
    warmUp: (environment) => soak(environment, options, paths, warmUp, stop, warmUpMs),
    work: (environment) => {
      findings.begin();
      return withProgress(findings, send, () =>
        soak(environment, options, paths, findings, stop, options.minutes * 60_000),
      ).finally(() => findings.timeline.end());
    },
  });
  await paths?.close();
  await watch.close();
  const { loops: cycles, operations, faults, bytesVerified, mismatches, hangs } = findings;
  const environment = surroundings();
  const bins = operationNames.map((name) => [name, findings.latencies[name].bins()]);
  return {
    schema: 1,
    spdk: environment.spdk,
    environment,
    device: options.workload === 'multipath-tcp' ? 'loopback' : device,
    ...options,
    cycles,
    operations,
    faults,
    bytesVerified,
    mismatches: mismatches + warmUp.mismatches,
    hangs: hangs + warmUp.hangs,
    starved: {
      operations: findings.starved.operations + warmUp.starved.operations,
      longestMs: Math.max(findings.starved.longestMs, warmUp.starved.longestMs),
    },
    unexpected: { ...warmUp.unexpected, ...findings.unexpected },
    distributionMs: Object.fromEntries(bins),
    timeline: findings.timeline.rows(),
    events: findings.events.list(),
    ...measurement,
    interrupted: stop.requested,
  };
}

async function pathTarget(
  { workload, controllers }: SoakOptions,
  report: (text: string) => void,
): Promise<PathTarget | undefined> {
  if (workload === 'controllers') return undefined;
  return workload === 'multipath' ? kernelPaths(controllers) : tcpPaths(controllers, report);
}

/** Opens an environment for the work and closes it. A close that fails is counted, so that the report still comes. */
async function inEnvironment(
  { pollers }: SoakOptions,
  findings: Findings,
  work: (environment: Environment) => Promise<void>,
): Promise<void> {
  const environment = await Environment.init({ name: 'spdk-nvme-soak', pollers });
  try {
    await work(environment);
  } finally {
    const close = environment.close({ timeoutMs: closeLimitMs });
    await findings.watch('close', closeLimitMs * 2, close);
  }
}

/**
 * Runs all clients and the faults until the time is over or a signal arrives. Afterwards the target is as it was
 * before.
 */
async function soak(
  environment: Environment,
  { seed, controllers }: SoakOptions,
  paths: PathTarget | undefined,
  findings: Findings,
  stop: StopSignal,
  ms: number,
): Promise<void> {
  const over = new AbortController();
  const timer = sleep(ms, undefined, { signal: over.signal }).catch(() => {});
  const report: Findings['fault'] = (kind) => findings.fault(kind);
  const faults = paths
    ? disturbPaths(paths, new Random(seed), controllers, over.signal, report)
    : disturb(new Random(seed), controllers, over.signal, report);
  const note = (controller: Controller) => {
    findings.attached(controller.attachReport);
    controller.once('detached', (detached) => findings.detached(detached));
  };
  environment.on('attached', note);
  const clients = Array.from({ length: controllers }, (_, index) => {
    const random = new Random(seed + (index + 1) * 7_919);
    const rest = [index, environment, random, new Ledger(index), findings] as const;
    return (paths ? new PathClient(paths, ...rest) : new Client(...rest)).work(over.signal);
  });
  await stop.waitFor(timer, 0);
  over.abort();
  await stop.waitFor(
    Promise.all([faults, ...clients]).then(() => {}),
    stoppedLimitMs,
  );
  environment.off('attached', note);
}
