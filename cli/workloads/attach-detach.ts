import type { Controller, Environment } from 'spdk-nvme';
import type { Tally } from '../engine/measure/tally.js';
import { settled } from '../engine/process/watchdog.js';
import { ReadsInFlight } from './reads-in-flight.js';
import type { StressOptions } from './stress-options.js';

/** Calls settle by their deadline, whatever SPDK does; if one does not within this time more, the watchdog reports it. */
const WATCHDOG_MS = 2_000;

/** Attaches all controllers in parallel, then detaches all of them in parallel; if asked, with reads in flight. */
export async function attachAndDetach(
  environment: Environment,
  options: StressOptions,
  tally: Tally,
): Promise<void> {
  const { transportIds, reads } = options;
  const failures = tally.failures;
  const attached = await Promise.all(transportIds.map((id) => attach(environment, id, options, tally)));
  const controllers = attached.filter((controller) => controller !== undefined);
  const load = reads ? controllers.map((controller) => new ReadsInFlight(controller, tally)) : [];
  await Promise.all(load.map((one) => one.underWay));
  await Promise.all(controllers.map((controller) => detach(controller, options.limitMs, tally)));
  await Promise.all(load.map((one) => one.ended));
  tally.loop(tally.failures === failures);
}

async function attach(
  environment: Environment,
  transportId: string,
  { ioQueues, limitMs, attach: others }: StressOptions,
  tally: Tally,
): Promise<Controller | undefined> {
  const controller = await tally.measure('attach', () =>
    settled(
      `attach of ${transportId}`,
      limitMs + WATCHDOG_MS,
      environment.attach(transportId, { ...others, ioQueues, timeoutMs: limitMs, ioTimeoutMs: limitMs }),
    ),
  );
  if (controller) tally.attached(controller.attachReport);
  if (controller && controller.queuePairs.length !== ioQueues) {
    tally.fail(
      'FEWER_IO_QUEUES',
      `the target granted ${controller.queuePairs.length} of ${ioQueues} I/O queues`,
    );
  }
  return controller;
}

async function detach(controller: Controller, limitMs: number, tally: Tally): Promise<void> {
  const what = `detach of ${controller.transportId.subnqn}`;
  const report = await tally.measure('detach', () =>
    settled(what, limitMs + WATCHDOG_MS, controller.detach({ timeoutMs: limitMs })),
  );
  if (report) tally.detached(report);
}
