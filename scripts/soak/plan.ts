// What a soak over one path does, at random.

import type { AttachOptions } from 'spdk-nvme';
import type { Random } from '../testing/random.js';

/** What is done to the target, for a time. */
export const faultKinds = [
  /** The subsystem is taken off the port: its controllers end, and none can be attached. */
  'subsystem-withdrawn',
  /** All subsystems are taken off the port, which then does not listen. */
  'port-closed',
  /** The subsystem lets no host in any more; connected hosts stay. */
  'hosts-rejected',
  /** The namespace is disabled and enabled again. */
  'namespace-removed',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** The client whose subsystem has the fault. */
  readonly client: number;
  /** How long there is no fault before, and how long the fault lasts. */
  readonly afterMs: number;
  readonly forMs: number;
}

export function nextFault(random: Random, clients: number): Fault {
  // Closing the port disturbs every controller.
  const kind = random.pick([...faultKinds, ...faultKinds.filter((other) => other !== 'port-closed')]);
  return {
    kind,
    client: random.below(clients),
    afterMs: 200 + random.below(2_000),
    forMs: 50 + random.below(random.below(4) === 0 ? 3_000 : 500),
  };
}

/** How a controller is attached. */
export function attachOptions(random: Random): AttachOptions {
  const options: AttachOptions = {
    ioQueues: 1 + random.below(3),
    queueDepth: random.pick([2, 8, 128]),
    polling: random.pick(['threads', 'adaptive', 'inline']),
    timeoutMs: random.pick([300, 2_000, 5_000, 5_000, 5_000]),
  };
  if (random.below(3) === 0) return options;
  const reconnectDelayMs = 100 + random.below(400);
  return {
    ...options,
    reconnectDelayMs,
    ctrlrLossTimeoutMs: reconnectDelayMs + random.below(4_000),
    ...(random.below(2) === 0 ? { fastIoFailTimeoutMs: reconnectDelayMs } : {}),
  };
}

/** What a client does next with an attached controller. */
export type Step = 'io' | 'reset' | 'pause' | 'detach';

export function nextStep(random: Random): Step {
  return random.pick<Step>([...Array<Step>(12).fill('io'), 'pause', 'reset', 'detach', 'detach']);
}

/** Codes that an operation may end with while the target is disturbed. Everything else is a finding. */
const expectedCodes: ReadonlySet<string> = new Set([
  ...['ERR_SPDK_UNREACHABLE', 'ERR_SPDK_CONNECT_REJECTED', 'ERR_SPDK_ATTACH_FAILED', 'ERR_SPDK_NO_IO_QUEUES'],
  ...['ERR_SPDK_ALREADY_ATTACHED', 'ERR_SPDK_DETACHING', 'ERR_SPDK_CONTROLLER_DETACHED'],
  ...['ERR_SPDK_CONTROLLER_FAILED', 'ERR_SPDK_IO_FAILED', 'ERR_SPDK_NAMESPACE_GONE', 'ERR_SPDK_TIMEOUT'],
  ...['ERR_SPDK_ABORTED', 'ERR_SPDK_OUT_OF_RANGE'],
]);

export function isExpected(code: string): boolean {
  return expectedCodes.has(code);
}
