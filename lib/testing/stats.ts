// What a controller in memory has counted.

import type { NativeControllerStats } from '../native/contract.js';
import type { MemoryQueuePair } from './queue-pair.js';

/** What a controller's rings have counted. */
export function statsOf(rings: readonly MemoryQueuePair[]): NativeControllerStats {
  const sum = (of: (ring: MemoryQueuePair) => number) => rings.reduce((all, ring) => all + of(ring), 0);
  return {
    outstanding: sum((ring) => ring.inFlight),
    completed: sum((ring) => ring.counts.completed),
    failed: sum((ring) => ring.counts.failed),
    aborted: sum((ring) => ring.counts.aborted),
    reads: sum((ring) => ring.counts.reads),
    writes: sum((ring) => ring.counts.writes),
    bytesRead: sum((ring) => ring.counts.bytesRead),
    bytesWritten: sum((ring) => ring.counts.bytesWritten),
    latencies: latenciesOf(rings),
    polls: 0,
    idlePolls: 0,
    lockWaits: 0,
    lingerLocks: 0,
    lingerWaits: 0,
    transport: [],
  };
}

function latenciesOf(rings: readonly MemoryQueuePair[]): NativeControllerStats['latencies'] {
  const all = new Map<number, number>();
  for (const { latencies } of rings) {
    for (const [endUs, count] of latencies) all.set(endUs, (all.get(endUs) ?? 0) + count);
  }
  return [...all].sort(([a], [b]) => a - b).map(([endUs, count]) => ({ endUs, count }));
}
