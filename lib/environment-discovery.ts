// Discovery services of an environment: reading a log once, and watching it.

import type { Controller } from './controller.js';
import { type DiscoveryLog, discoveryService } from './discovery/log.js';
import { discover, type WithService } from './discovery/read-log.js';
import { DiscoveryWatch } from './discovery-watch.js';
import { SpdkError } from './errors/spdk-error.js';
import { eventLoop } from './internal/event-loop.js';
import { type CallLimits, waitForEnd } from './internal/pending-call.js';
import { pcieError } from './internal/state-errors.js';
import { wipeKeys } from './keys/reading.js';
import { type ResolvedAttachOptions, resolveAttachOptions } from './options/attach.js';
import { timeoutUntil } from './options/common.js';
import {
  type DiscoverOptions,
  resolveDiscoverOptions,
  resolveWatchOptions,
  type WatchDiscoveryOptions,
} from './options/discover.js';
import type { MachineIdentity } from './options/host-identity.js';
import { parseTransportId, type TransportId, type TransportIdObject } from './options/transport-id.js';

/** The time limit for disconnecting from a discovery service. */
const detachMs = 1_000;
/** The pause before a log is read again that could not be read. */
const minRetryMs = 100;

/** What discovery needs of an environment. */
export interface DiscoveryServices {
  /** The machine's own identity. */
  readonly machine: () => MachineIdentity;
  /** Whether the environment is closed, or being closed. */
  readonly isClosed: () => boolean;
  /** Connects to a service; `what` is for messages. */
  readonly connect: (
    what: string,
    service: TransportId,
    resolved: ResolvedAttachOptions,
    machine: MachineIdentity,
  ) => Promise<Controller>;
}

/** See `env.discover`. */
export async function readDiscoveryLog(
  id: string | TransportIdObject,
  options: DiscoverOptions | undefined,
  services: DiscoveryServices,
): Promise<DiscoveryLog> {
  const service = serviceAt(id);
  const { referralDepth, attach } = resolveDiscoverOptions(options);
  if (service.trtype === 'PCIe') throw pcieError();
  const machine = services.machine();
  // Without a keep-alive the target does not expect the connection to stay.
  const settings = { ...attach, keepAliveMs: 0 };
  const checked = resolveAttachOptions(settings, service, machine);
  const { timeoutMs, signal, dhchap, tls } = checked;
  const since = eventLoop.now();
  const left = timeLeft(timeoutMs);
  const withService: WithService = async (target, work) => {
    const limited = { ...settings, dhchap, tls, timeoutMs: left() };
    const resolved = resolveAttachOptions(limited, target, machine);
    const controller = await connectTo(target, resolved, machine, services);
    try {
      return await work(controller.admin, left);
    } finally {
      await disconnect(controller, { timeoutMs, since, signal });
    }
  };
  const reading = discover(service, referralDepth, signal, withService, services.isClosed);
  return inTime(service, timeoutMs, reading).finally(() => wipeKeys(checked));
}

/** Never fails: what was read, or why it could not be read, is the result. After the limits the connection ends in the background. */
function disconnect(
  controller: Controller,
  limits: Pick<CallLimits, 'timeoutMs' | 'since' | 'signal'>,
): Promise<void> {
  const what = `Disconnecting from ${controller.transportId.traddr}`;
  return waitForEnd(controller.detach({ drainMs: 0, timeoutMs: detachMs }), {
    ...{ what, timeoutCode: 'ERR_SPDK_TIMEOUT', timeoutHint: '', ...limits },
  });
}

/** See `env.watchDiscovery`. */
export async function openDiscoveryWatch(
  id: string | TransportIdObject,
  options: WatchDiscoveryOptions | undefined,
  services: DiscoveryServices,
): Promise<DiscoveryWatch> {
  const service = serviceAt(id);
  const { pollIntervalMs, attach } = resolveWatchOptions(options);
  if (service.trtype === 'PCIe') throw pcieError();
  const machine = services.machine();
  const resolved = resolveAttachOptions(attach, service, machine);
  const { timeoutMs, signal, reconnectDelayMs } = resolved;
  const settings = { pollIntervalMs, retryMs: Math.max(reconnectDelayMs, minRetryMs), timeoutMs, signal };
  const left = timeLeft(timeoutMs);
  const opening = connectTo(service, resolved, machine, services).then((controller) =>
    DiscoveryWatch.open(controller, settings, left),
  );
  return inTime(service, timeoutMs, opening);
}

function serviceAt(id: string | TransportIdObject): TransportId {
  return discoveryService(parseTransportId(id));
}

/** Wipes the copies of keys: native code has its own for reconnects. */
async function connectTo(
  service: TransportId,
  resolved: ResolvedAttachOptions,
  machine: MachineIdentity,
  services: DiscoveryServices,
): Promise<Controller> {
  try {
    return await services.connect(`The connection to ${service.traddr}`, service, resolved, machine);
  } finally {
    wipeKeys(resolved);
  }
}

/** Names the caller's time limit when a step of the call has used up what was left of it. */
async function inTime<Result>(
  { traddr }: TransportId,
  timeoutMs: number,
  work: Promise<Result>,
): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SpdkError) || error.code !== 'ERR_SPDK_TIMEOUT') throw error;
    const message = `Discovery at ${traddr} took more than ${timeoutMs} ms. ${error.message}`;
    throw new SpdkError('ERR_SPDK_TIMEOUT', message, { cause: error });
  }
}

/** Counts a time limit down. */
function timeLeft(timeoutMs: number): () => number {
  const end = eventLoop.now() + timeoutMs;
  return () => timeoutUntil(end);
}
