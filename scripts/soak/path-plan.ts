// What a soak over several paths does, at random.

import type { SubsystemOptions } from 'spdk-nvme';
import type { KernelAnaState } from '../target/kernel-target.js';
import type { Random } from '../testing/random.js';

/** What is done to one of the two places where a target is reached, for a time. Each target can do some of them. */
export const pathFaultKinds = [
  /** The subsystem is taken off the port: its controllers there end, and none can be attached. */
  'path-withdrawn',
  /** The subsystem is taken off both ports. */
  'both-withdrawn',
  /** The ANA state of all namespaces at the port changes. */
  'ana-non-optimized',
  'ana-inaccessible',
  'ana-change',
  'ana-persistent-loss',
  /** The ANA state at both ports is `change`. */
  'ana-change-both',
  /** The process of the target is killed, and started again. */
  'target-killed',
  /** The process of the target hangs. */
  'target-frozen',
] as const;
export type PathFaultKind = (typeof pathFaultKinds)[number];

export interface PathFault {
  readonly kind: PathFaultKind;
  /** Whose subsystem, and which of its ports. */
  readonly client: number;
  readonly side: 0 | 1;
  /** How long there is no fault before, and how long the fault lasts. */
  readonly afterMs: number;
  readonly forMs: number;
}

export function nextPathFault(
  random: Random,
  clients: number,
  kinds: readonly PathFaultKind[] = pathFaultKinds,
): PathFault {
  return {
    kind: random.pick(kinds),
    client: random.below(clients),
    side: random.pick([0, 1]),
    afterMs: 100 + random.below(1_500),
    forMs: 20 + random.below(random.below(4) === 0 ? 2_000 : 400),
  };
}

/** The ANA state that a fault sets; undefined for one that sets none. */
export function anaOf(kind: PathFaultKind): KernelAnaState | undefined {
  return kind.startsWith('ana-')
    ? (kind.slice('ana-'.length).replace(/-both$/, '') as KernelAnaState)
    : undefined;
}

/** How a subsystem is attached. */
export function subsystemOptions(random: Random): SubsystemOptions {
  const active = random.below(2) === 0;
  return {
    ioQueues: 1 + random.below(2),
    queueDepth: random.pick([8, 128]),
    polling: random.pick(['threads', 'adaptive', 'inline']),
    timeoutMs: 5_000,
    reconnectDelayMs: 100 + random.below(300),
    ctrlrLossTimeoutMs: random.pick([500, 60_000, Number.POSITIVE_INFINITY]),
    ...(active
      ? { policy: 'active-active', selector: random.pick(['round-robin', 'queue-depth'] as const) }
      : {}),
  };
}

/** What a client does next with an attached subsystem. */
export type PathStep = 'io' | 'pause' | 'remove' | 'add' | 'prefer' | 'reset' | 'detach';

export function nextPathStep(random: Random): PathStep {
  return random.pick<PathStep>([
    ...Array<PathStep>(20).fill('io'),
    ...(['pause', 'remove', 'add', 'add', 'prefer', 'reset', 'detach'] as const),
  ]);
}
