// What `env.stats()` gives.

import type { Controller } from './controller.js';
import type { NativePollerStats } from './native/contract.js';
import type { ControllerStats, MemoryStats, PollerStats } from './types.js';

/** What `env.stats()` gives. All counts only grow, but `outstanding`, `pending`, those of connections and of memory. */
export interface EnvironmentStats {
  readonly memory: MemoryStats;
  readonly pollers: readonly PollerStats[];
  /** One for each of `env.controllers`. */
  readonly controllers: readonly (ControllerStats & { readonly controller: Controller })[];
  /** Connections to discovery services, those of watches too; they are not among the controllers. */
  readonly discoveryConnections: number;
}

/** Puts together what native code counted and what waits in the queues of JavaScript. */
export function environmentStats(
  memory: MemoryStats,
  pollers: readonly NativePollerStats[],
  controllers: readonly Controller[],
  discoveryConnections: number,
): EnvironmentStats {
  const queuePairs = controllers.flatMap((controller) => controller.queuePairs);
  const pendingOf = (index: number) =>
    queuePairs.reduce((sum, { poller, pending }) => sum + (poller === index ? pending : 0), 0);
  return {
    memory,
    pollers: pollers.map((stats, index) => ({ index, pending: pendingOf(index), ...stats })),
    controllers: controllers.map((controller) => ({ controller, ...controller.stats() })),
    discoveryConnections,
  };
}
