// The cases of the section on memory, and what follows from their results.

/** The results of one process. Sizes are what its controllers added. */
export interface MemoryResult {
  readonly residentBytes: number;
  /** Used memory of DPDK, which is in hugepages. */
  readonly usedBytes: number;
  /** What DPDK had reserved of the machine's hugepages at the end. */
  readonly heapBytes: number;
  readonly attachMs: number;
  /** How long it took to detach all of them at the same time. */
  readonly detachMs: number;
}

export interface MemoryCase {
  readonly controllers: number;
  readonly ioQueues: number;
  readonly together: boolean;
}

export interface MemoryRow extends MemoryCase, MemoryResult {
  readonly transport: 'tcp' | 'rdma';
}

/**
 * The cases show what a controller costs, what a further queue costs, and what is saved when all are attached at the
 * same time.
 */
export const memoryCases: readonly MemoryCase[] = [
  { controllers: 1, ioQueues: 1, together: false },
  { controllers: 16, ioQueues: 1, together: false },
  { controllers: 16, ioQueues: 4, together: false },
  { controllers: 64, ioQueues: 1, together: false },
  { controllers: 64, ioQueues: 1, together: true },
];

export const maxControllers = 64;

/**
 * What follows from the rows of one transport, in bytes. `linear`: with many controllers, each costs no more than with
 * few.
 */
export interface MemorySummary {
  readonly transport: MemoryRow['transport'];
  readonly usedPerController: number;
  readonly residentPerController: number;
  readonly usedPerQueue: number;
  readonly residentPerQueue: number;
  /** The cost of each of 64 controllers divided by that of each of 16. */
  readonly growth: { readonly used: number; readonly resident: number };
  readonly linear: boolean;
  readonly attachMs: { readonly inTurn: number; readonly together: number };
}

/** The most that each of 64 controllers may cost, divided by what each of 16 costs. */
const maxGrowth = 1.25;

export function summarise(transport: MemoryRow['transport'], rows: readonly MemoryRow[]): MemorySummary {
  const row = (controllers: number, ioQueues: number, together = false): MemoryRow => {
    const found = rows.find(
      (one) =>
        one.transport === transport &&
        one.controllers === controllers &&
        one.ioQueues === ioQueues &&
        one.together === together,
    );
    if (!found) throw new Error(`${controllers} controllers with ${ioQueues} queues were not measured`);
    return found;
  };
  const [some, queues, many] = [row(16, 1), row(16, 4), row(64, 1)];
  const each = (field: 'usedBytes' | 'residentBytes', of: MemoryRow) => of[field] / of.controllers;
  const growth = (field: 'usedBytes' | 'residentBytes') => each(field, many) / each(field, some);
  const perQueue = (field: 'usedBytes' | 'residentBytes') => (each(field, queues) - each(field, some)) / 3;
  const [used, resident] = [growth('usedBytes'), growth('residentBytes')];
  return {
    transport,
    usedPerController: each('usedBytes', many),
    residentPerController: each('residentBytes', many),
    usedPerQueue: perQueue('usedBytes'),
    residentPerQueue: perQueue('residentBytes'),
    growth: { used, resident },
    linear: used <= maxGrowth && resident <= maxGrowth,
    attachMs: { inTurn: many.attachMs, together: row(64, 1, true).attachMs },
  };
}
