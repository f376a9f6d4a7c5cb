import { Environment, spdkVersion } from '../../lib/index.js';
import { runLoops } from './loops.js';
import { measure, withProgress } from './measure.js';
import type { StressOptions } from './options.js';
import type { Message } from './protocol.js';
import type { StressReport } from './report.js';
import type { StopSignal } from './stop.js';
import { codeOf, Tally } from './tally.js';
import { device, target } from './target.js';

const WARM_UP_LOOPS = 5;
const CLOSE_LIMIT_MS = 10_000;
/** After a signal the fabric is taken away some seconds later: the report has to be out before. */
const STOPPED_CLOSE_LIMIT_MS = 1_000;

/** Runs the loops and reports. */
export async function runStress(
  options: StressOptions,
  stop: StopSignal,
  send: (message: Message) => void,
): Promise<StressReport> {
  const tally = new Tally((text) => send({ type: 'note', text }));
  send({ type: 'note', text: 'Warming up' });
  const warmUp = (environment: Environment, loops: number) =>
    runLoops(environment, { ...options, loops: tally.loops + loops, seconds: undefined }, stop, tally);
  const measurement = await measure({
    stop,
    inEnvironment: (work) => inEnvironment(options, stop, tally, work),
    first: (environment) => warmUp(environment, 1),
    warmUp: (environment) => warmUp(environment, WARM_UP_LOOPS),
    work: (environment) => {
      tally.begin();
      return withProgress(tally, send, () => runLoops(environment, options, stop, tally));
    },
  });
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
    ...measurement,
    interrupted: stop.requested,
  };
}

/** Opens an environment for the work and closes it. A close that fails is counted, so that the report still comes. */
async function inEnvironment(
  { pollers }: StressOptions,
  stop: StopSignal,
  tally: Tally,
  work: (environment: Environment) => Promise<void>,
): Promise<void> {
  const environment = await Environment.init({ name: 'spdk-nvme-stress', pollers });
  environment.on('failed', (controller, error) => {
    tally.fail(codeOf(error), `${controller.transportId.subnqn}: ${error.message}`);
  });
  try {
    await work(environment);
  } finally {
    const timeoutMs = stop.requested ? STOPPED_CLOSE_LIMIT_MS : CLOSE_LIMIT_MS;
    await environment
      .close({ timeoutMs })
      .catch((error: unknown) => tally.fail(codeOf(error), `close: ${String(error)}`));
  }
}
