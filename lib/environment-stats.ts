// The counters of `env.stats()`.

import type { Controller } from './controller.js';
import type { AnaState } from './multipath/ana.js';
import type { NativePollerStats } from './native/contract.js';
import type { PathPolicy } from './options/subsystem.js';
import type { TransportId } from './options/transport-id.js';
import type { Subsystem } from './subsystem.js';
import type { PathState, PathStats } from './subsystem-path.js';
import type { ControllerState, ControllerStats, MemoryStats, PollerStats } from './types.js';

/** The result of `env.stats()`. All counters only grow, except `outstanding`, `pending`, and those of connections and memory. */
export interface EnvironmentStats {
  readonly memory: MemoryStats;
  readonly pollers: readonly PollerStats[];
  /** One for each of `env.controllers`. */
  readonly controllers: readonly (ControllerStats & { readonly controller: Controller })[];
  /** Connections to discovery services, including those of watches; `controllers` does not contain them. */
  readonly discoveryConnections: number;
}

/** Combines the counters of native code with those of the queues in JavaScript. */
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

/** A controller and its counters as another process reads them. */
export interface ExportedController extends ControllerStats {
  /** A number that no other controller of the process has had: one that is attached again has another. */
  readonly id: number;
  readonly transportId: TransportId;
  readonly hostNqn: string;
  readonly state: ControllerState;
  readonly ioQueues: number;
}

/** The counters of controllers, with names in place of the controllers. */
export function exportedControllers(all: EnvironmentStats['controllers']): ExportedController[] {
  return all.map(({ controller, ...stats }) => {
    const { id, transportId, hostNqn, state, queuePairs } = controller;
    return { id, transportId, hostNqn, state, ioQueues: queuePairs.length, ...stats };
  });
}

/** A path and its counters as another process reads them. */
export interface ExportedPath extends PathStats {
  readonly transportId: TransportId;
  readonly sourceAddress?: string | undefined;
  readonly state: PathState;
  /** The states by the ids of the namespaces; none for a controller that reports no ANA. */
  readonly ana: readonly { readonly namespace: number; readonly state: AnaState }[];
}

/** A subsystem over several paths as another process reads it. */
export interface ExportedSubsystem {
  readonly nqn: string;
  readonly policy: PathPolicy;
  readonly paths: readonly ExportedPath[];
}

/** The subsystems of an environment with plain data in place of their objects. */
export function exportedSubsystems(all: readonly Subsystem[]): ExportedSubsystem[] {
  return all.map(({ nqn, policy, paths, namespaces }) => ({
    nqn,
    policy,
    paths: paths.map((path) => ({
      ...path.toJSON(),
      ...path.stats(),
      ana: namespaces.flatMap(({ id }) => {
        const state = path.ana(id);
        return state ? [{ namespace: id, state }] : [];
      }),
    })),
  }));
}
