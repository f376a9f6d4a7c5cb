// A stress run, from its options to its report.

import { Environment, type LogLine } from 'spdk-nvme';
import { measure, withProgress } from '../engine/measure/measure.js';
import { attachPhases, detachPhases, phaseSummaries } from '../engine/measure/phases.js';
import { surroundings } from '../engine/measure/surroundings.js';
import { Tally } from '../engine/measure/tally.js';
import { codeOf, messageOf } from '../engine/process/exit.js';
import type { Message } from '../engine/process/messages.js';
import type { StopSignal } from '../engine/process/stop.js';
import { whileExported } from '../engine/target/exported.js';
import { runLoops } from './loops.js';
import type { StressOptions } from './stress-options.js';
import type { StressReport } from './stress-report.js';

const WARM_UP_LOOPS = 20;
const CLOSE_LIMIT_MS = 10_000;
/** The limit of a close after a signal, when the user waits. */
const STOPPED_CLOSE_LIMIT_MS = 400;
const STOPPED_OPENING_MS = 200;

/** Runs the loops and reports. */
export async function runStress(
  options: StressOptions,
  stop: StopSignal,
  send: (message: Message<StressReport>) => void,
): Promise<StressReport> {
  const tally = new Tally((text) => send({ type: 'note', text }));
  send({ type: 'note', text: 'Warming up' });
  const warmUp = (environment: Environment, loops: number) =>
    runLoops(environment, { ...options, loops: tally.loops + loops, seconds: undefined }, stop, tally);
  const measurement = await measure({
    stop,
    rdmaDevice: options.rdmaDevice,
    inEnvironment: (work) => inEnvironment(options, stop, tally, send, work),
    first: (environment) => warmUp(environment, 1),
    // A target that does not let anybody attach need not be asked again.
    pointless: () => {
      if (tally.failed > 0) send({ type: 'note', text: 'The first loop failed; nothing was measured' });
      return tally.failed > 0;
    },
    warmUp: (environment) => warmUp(environment, WARM_UP_LOOPS),
    work: (environment) => {
      tally.begin();
      return whileExported(environment, 'stress', () =>
        withProgress(tally, send, () => runLoops(environment, options, stop, tally)),
      ).finally(() => tally.timeline.end());
    },
  });
  const environment = surroundings();
  return {
    spdk: environment.spdk,
    environment,
    schema: 1,
    device: options.rdmaDevice ?? null,
    target: addressesOf(options.transportIds),
    targets: options.transportIds,
    reads: options.reads,
    pollers: options.pollers,
    ioQueues: options.ioQueues,
    controllers: options.transportIds.length,
    loops: options.loops ?? tally.loops,
    completed: tally.completed,
    failed: tally.failed,
    hangs: tally.hangs,
    failuresByCode: tally.failuresByCode,
    attachMs: tally.latencies.attach.summary(),
    detachMs: tally.latencies.detach.summary(),
    attachPhasesMs: phaseSummaries(tally.phases, attachPhases),
    detachPhasesMs: phaseSummaries(tally.phases, detachPhases),
    distributionMs: { attach: tally.latencies.attach.bins(), detach: tally.latencies.detach.bins() },
    timeline: tally.timeline.rows(),
    events: tally.events.list(),
    ...measurement,
    rssGrowthCounts: process.env.MALLOC_ARENA_MAX === '1',
    interrupted: stop.requested,
  };
}

/** Opens an environment for the work and closes it. A close that fails is counted, so that the report still comes. */
async function inEnvironment(
  { pollers, memoryMb, verbose }: StressOptions,
  stop: StopSignal,
  tally: Tally,
  send: (message: Message<StressReport>) => void,
  work: (environment: Environment) => Promise<void>,
): Promise<void> {
  const opening = Environment.init({
    name: 'spdk-nvme-stress',
    pollers,
    memoryMb,
    logLevel: verbose ? 'notice' : 'error',
  });
  // The kernel may clear a lot of memory for it. The end of the process ends it.
  const opened = await stop.waitFor(opening, STOPPED_OPENING_MS);
  if (!opened) return;
  const environment = opened.result;
  if (verbose) {
    environment.on('log', ({ source, message }: LogLine) =>
      send({ type: 'note', text: `${source}: ${message}` }),
    );
  }
  environment.on('failed', (controller, error) => {
    tally.fail(codeOf(error), `${controller.transportId.subnqn}: ${messageOf(error)}`);
  });
  try {
    await work(environment);
  } finally {
    const timeoutMs = stop.requested ? STOPPED_CLOSE_LIMIT_MS : CLOSE_LIMIT_MS;
    await environment
      .close({ timeoutMs })
      .catch((error: unknown) => tally.fail(codeOf(error), `close: ${messageOf(error)}`));
  }
}

/** The addresses of the targets, each once, and without the NQNs, which would fill lines. */
function addressesOf(targets: readonly string[]): string {
  return [...new Set(targets.map((id) => id.replace(/\s*subnqn:\S+/, '')))].join('; ');
}
