import { formatTransportId, type StatsSnapshot } from 'spdk-nvme';

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
  /** Of the commands in between; null where there were none. */
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

/** Compares two readings of one process. A controller that was attached in between counts from its attach. */
export function ratesBetween(before: StatsSnapshot, after: StatsSnapshot): ControllerRates[] {
  const seconds = (after.monotonicMs - before.monotonicMs) / 1_000;
  const earlier = new Map(before.controllers.map((controller) => [nameOf(controller), controller]));
  return after.controllers.map((now) => {
    const known = earlier.get(nameOf(now));
    // Counters start again with a new connection.
    const then = known && known.completed <= now.completed ? known : undefined;
    type Counter = 'completed' | 'failed' | 'bytesRead' | 'bytesWritten';
    const rate = (name: Counter) => (seconds > 0 ? (now[name] - (then?.[name] ?? 0)) / seconds : 0);
    const { state, ioQueues, pending, outstanding, hostNqn } = now;
    const between = bucketsBetween(then, now);
    return {
      ...{ transportId: formatTransportId(now.transportId), hostNqn, state, ioQueues, pending, outstanding },
      iops: round(rate('completed')),
      failedPerSecond: round(rate('failed')),
      readBytesPerSecond: Math.round(rate('bytesRead')),
      writeBytesPerSecond: Math.round(rate('bytesWritten')),
      p50Us: percentile(between, 0.5),
      p99Us: percentile(between, 0.99),
    };
  });
}

/** A later reading, with the controllers that only the earlier one has: they were detached in between. */
export function withControllersOf(then: StatsSnapshot, now: StatsSnapshot): StatsSnapshot {
  const there = new Set(now.controllers.map(nameOf));
  return {
    ...now,
    controllers: [...now.controllers, ...then.controllers.filter((one) => !there.has(nameOf(one)))],
  };
}

/** The same for one that was detached and attached again. */
function nameOf({ transportId, hostNqn }: ExportedController): string {
  return `${formatTransportId(transportId)} ${hostNqn}`;
}

type Buckets = ExportedController['latency']['buckets'];

function bucketsBetween(then: ExportedController | undefined, now: ExportedController): Buckets {
  const before = new Map(then?.latency.buckets.map(({ endUs, count }) => [endUs, count]));
  return now.latency.buckets.map(({ endUs, count }) => ({ endUs, count: count - (before.get(endUs) ?? 0) }));
}

function percentile(buckets: Buckets, part: number): number | null {
  let left = Math.ceil(part * buckets.reduce((sum, { count }) => sum + count, 0));
  if (left <= 0) return null;
  for (const { endUs, count } of buckets) {
    left -= count;
    if (left <= 0) return round(endUs);
  }
  return null;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
