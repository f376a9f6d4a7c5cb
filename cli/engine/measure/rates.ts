// The rates of controllers, from two readings of their statistics.

import { formatTransportId, type StatsSnapshot } from 'spdk-nvme';
import { bucketAt } from './histogram.js';

type ExportedController = StatsSnapshot['controllers'][number];

/** What a controller did between two readings of its statistics. */
export interface ControllerRates {
  readonly transportId: string;
  readonly hostNqn: string;
  readonly state: string;
  readonly ioQueues: number;
  /** Operations that have not settled, and the commands among them that the controller has. */
  readonly pending: number;
  readonly outstanding: number;
  /** Commands a second that completed, and how many of them with an error. */
  readonly iops: number;
  readonly failedPerSecond: number;
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
  /** Latencies of the commands in between; null where there were none. */
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

/**
 * Compares two readings of one process. A controller that was attached in between counts from its attach. What was detached
 * counts with the controller of the same target and host that followed it, so that a loop of attach and detach is one row.
 */
export function ratesBetween(before: StatsSnapshot, after: StatsSnapshot): ControllerRates[] {
  const seconds = (after.monotonicMs - before.monotonicMs) / 1_000;
  const earlier = new Map(before.controllers.map((controller) => [controller.id, controller]));
  return rowsOf(after.controllers).map(([shown, all]) => {
    type Counter = 'completed' | 'failed' | 'bytesRead' | 'bytesWritten';
    const done = (name: Counter) =>
      all.reduce((sum, one) => sum + one[name] - (earlier.get(one.id)?.[name] ?? 0), 0);
    const rate = (name: Counter) => (seconds > 0 ? done(name) / seconds : 0);
    const { state, ioQueues, pending, outstanding, hostNqn } = shown;
    const between = bucketsBetween(earlier, all);
    return {
      ...{
        transportId: formatTransportId(shown.transportId),
        hostNqn,
        state,
        ioQueues,
        pending,
        outstanding,
      },
      iops: round(rate('completed')),
      failedPerSecond: round(rate('failed')),
      readBytesPerSecond: Math.round(rate('bytesRead')),
      writeBytesPerSecond: Math.round(rate('bytesWritten')),
      p50Us: percentile(between, 50),
      p99Us: percentile(between, 99),
    };
  });
}

/** A later reading, with the controllers that only the earlier one has: they were detached in between. */
export function withControllersOf(then: StatsSnapshot, now: StatsSnapshot): StatsSnapshot {
  const there = new Set(now.controllers.map(({ id }) => id));
  const gone = then.controllers.filter(({ id }) => !there.has(id));
  const detached = { state: 'detached', pending: 0, outstanding: 0 } as const;
  return { ...now, controllers: [...now.controllers, ...gone.map((one) => ({ ...one, ...detached }))] };
}

/** The controllers that are shown, each with all that count with it. */
function rowsOf(controllers: readonly ExportedController[]): [ExportedController, ExportedController[]][] {
  const rows = new Map<ExportedController, ExportedController[]>();
  for (const one of controllers) {
    const shown = one.state === 'detached' ? followerOf(one, controllers) : one;
    rows.set(shown, [...(rows.get(shown) ?? []), one]);
  }
  return [...rows];
}

/** The first controller of the same target and host: present ones come before detached ones. */
function followerOf(gone: ExportedController, all: readonly ExportedController[]): ExportedController {
  return all.find((one) => nameOf(one) === nameOf(gone)) ?? gone;
}

function nameOf({ transportId, hostNqn }: ExportedController): string {
  return `${formatTransportId(transportId)} ${hostNqn}`;
}

type Buckets = ExportedController['latency']['buckets'];

function bucketsBetween(
  earlier: ReadonlyMap<number, ExportedController>,
  all: readonly ExportedController[],
): Buckets {
  const counts = new Map<number, number>();
  const add = (buckets: Buckets, sign: 1 | -1) => {
    for (const { endUs, count } of buckets) counts.set(endUs, (counts.get(endUs) ?? 0) + sign * count);
  };
  for (const one of all) {
    add(one.latency.buckets, 1);
    add(earlier.get(one.id)?.latency.buckets ?? [], -1);
  }
  return [...counts].map(([endUs, count]) => ({ endUs, count })).sort((a, b) => a.endUs - b.endUs);
}

function percentile(buckets: Buckets, percent: number): number | null {
  const counts = buckets.map(({ count }) => count);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const bucket = total > 0 ? buckets[bucketAt(percent, counts, total)] : undefined;
  return bucket ? round(bucket.endUs) : null;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
