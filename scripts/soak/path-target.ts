// The targets of the multipath workloads: one subsystem for each client, which is reached at two places.

import type { PathFault, PathFaultKind } from './path-plan.js';
import type { WatchedProcess } from './process-watch.js';

/** A target whose paths can be disturbed. */
export interface PathTarget {
  readonly faults: readonly PathFaultKind[];
  /** The targets, as far as they are processes. */
  processes(): readonly WatchedProcess[];
  /** The transport ids of both paths. */
  ids(client: number): string[];
  /**
   * Notes that a client ends connections. A target that hangs may later carry out commands that it received over them.
   */
  endsConnections(): void;
  /** Causes a fault. Returns the function that ends it. */
  inflict(fault: PathFault): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export function pathNqn(client: number): string {
  return `nqn.2026-11.dev.spdk-nvme:soak-paths-${client}`;
}
