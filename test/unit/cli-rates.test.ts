import { describe, expect, it } from 'vitest';
import { ratesBetween, withControllersOf } from '../../cli/engine/measure/rates.js';
import { parseTransportId, type StatsSnapshot } from '../../lib/index.js';

type Controller = StatsSnapshot['controllers'][number];

function controllerOf(changes: Partial<Controller>, buckets: [endUs: number, count: number][]): Controller {
  return {
    id: 1,
    transportId: parseTransportId('trtype:TCP traddr:10.0.0.1 subnqn:nqn.2026-11.dev.spdk-nvme:a'),
    hostNqn: 'nqn.2026-11.dev.spdk-nvme:host',
    state: 'attached',
    ioQueues: 2,
    latency: { buckets: buckets.map(([endUs, count]) => ({ endUs, count })) },
    ...{ pending: 9, outstanding: 8, completed: 0, failed: 0, bytesRead: 0, bytesWritten: 0 },
    ...changes,
  } as Controller;
}

function snapshotOf(monotonicMs: number, ...controllers: Controller[]): StatsSnapshot {
  return { monotonicMs, controllers } as unknown as StatsSnapshot;
}

describe('rates between two readings', () => {
  const before = controllerOf({ completed: 100, failed: 1, bytesRead: 4_000 }, [
    [10, 90],
    [1_000, 10],
  ]);
  const after = controllerOf({ completed: 300, failed: 3, bytesRead: 8_000, bytesWritten: 2_000 }, [
    [10, 90],
    [20, 198],
    [1_000, 12],
  ]);

  it('are of the time in between, latencies too', () => {
    expect(ratesBetween(snapshotOf(1_000, before), snapshotOf(3_000, after))).toEqual([
      {
        transportId: 'trtype:TCP adrfam:IPv4 traddr:10.0.0.1 trsvcid:4420 subnqn:nqn.2026-11.dev.spdk-nvme:a',
        hostNqn: 'nqn.2026-11.dev.spdk-nvme:host',
        state: 'attached',
        ...{ ioQueues: 2, pending: 9, outstanding: 8 },
        ...{ iops: 100, failedPerSecond: 1, readBytesPerSecond: 2_000, writeBytesPerSecond: 1_000 },
        ...{ p50Us: 20, p99Us: 20 },
      },
    ]);
  });

  it('count from the attach where a controller is new, whatever an earlier one of its target has done', () => {
    const fewer = { ...before, id: 2, completed: 50, bytesRead: 9_000, latency: { buckets: [] } } as unknown;
    for (const earlier of [[], [{ ...after, id: 2 }], [fewer as Controller]]) {
      const [rates] = ratesBetween(snapshotOf(0, ...earlier), snapshotOf(1_000, before));
      expect(rates).toMatchObject({ iops: 100, readBytesPerSecond: 4_000, p50Us: 10, p99Us: 1_000 });
    }
  });

  it('of controllers that followed each other in between are one row, with what all of them have done', () => {
    const second = { ...before, id: 2 };
    const third = { ...before, id: 3, pending: 4, completed: 50 };
    const readings = [snapshotOf(1_000, after), snapshotOf(1_500, second), snapshotOf(2_000, third)];
    const seen = readings.reduce(withControllersOf);
    expect(ratesBetween(snapshotOf(0, before), seen)).toMatchObject([
      // 200 since the first reading, 100 and 50.
      { state: 'attached', pending: 4, iops: 175, readBytesPerSecond: 6_000, p50Us: 20, p99Us: 1_000 },
    ]);
    const nothingLeft = withControllersOf(seen, snapshotOf(2_000));
    expect(ratesBetween(snapshotOf(0, before), nothingLeft)).toMatchObject([
      { state: 'detached', pending: 0, outstanding: 0, iops: 175 },
    ]);
  });

  it('of controllers of one target at the same time are apart', () => {
    const other = { ...before, id: 2 };
    const [first, second] = ratesBetween(snapshotOf(0, before, other), snapshotOf(1_000, after, other));
    expect([first?.iops, second?.iops]).toEqual([200, 0]);
  });

  it('are none where nothing happened, and leave out what is gone', () => {
    expect(ratesBetween(snapshotOf(0, after), snapshotOf(1_000, after))).toMatchObject([
      { iops: 0, p50Us: null, p99Us: null },
    ]);
    expect(ratesBetween(snapshotOf(0, after), snapshotOf(1_000))).toEqual([]);
  });
});

it('a later reading keeps the controllers that were detached in between, with what they had done', () => {
  const gone = controllerOf({ id: 7, completed: 7 }, []);
  const [old, current] = [controllerOf({ completed: 1 }, []), controllerOf({ completed: 2 }, [])];
  const merged = withControllersOf(snapshotOf(0, gone, old), snapshotOf(100, current));
  const detached = { ...gone, state: 'detached' as const, pending: 0, outstanding: 0 };
  expect(merged).toEqual(snapshotOf(100, current, detached));
});
