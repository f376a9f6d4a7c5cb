import type { NativeControllerStats } from '../../../lib/native/contract.js';
import type { MemoryQueuePair } from './queue-pair.js';

/** What a controller's rings have counted. */
export function statsOf(rings: readonly MemoryQueuePair[]): NativeControllerStats {
  const sum = (of: (ring: MemoryQueuePair) => number) => rings.reduce((all, ring) => all + of(ring), 0);
  return {
    outstanding: sum((ring) => ring.inFlight),
    completed: sum((ring) => ring.counts.completed),
    failed: sum((ring) => ring.counts.failed),
    aborted: sum((ring) => ring.counts.aborted),
    polls: 0,
    idlePolls: 0,
    lockWaits: 0,
    lingerLocks: 0,
    lingerWaits: 0,
    transport: [],
  };
}
