import { countsOf } from '../../cli/engine/measure/counts.js';
import type { StressReport } from '../../cli/workloads/stress-report.js';

/** The report of a clean run, changed as a test needs it. */
export function reportOf(changes: Partial<StressReport> = {}): StressReport {
  return {
    schema: 1,
    spdk: 'SPDK v20.07',
    device: 'rxe0',
    target: 'trtype:RDMA adrfam:IPv4 traddr:10.77.0.1 trsvcid:4420',
    targets: [],
    reads: false,
    pollers: 2,
    ioQueues: 2,
    controllers: 2,
    loops: 100,
    completed: 100,
    failed: 0,
    hangs: 0,
    failuresByCode: {},
    attachMs: { p50: 140.2, p90: 180.15, p99: 250, max: 300.44 },
    detachMs: { p50: 60, p90: 70, p99: 80, max: 90 },
    attachPhasesMs: {
      wait: { p50: 1, p90: 1, p99: 2, max: 2 },
      address: { p50: 0, p90: 0, p99: 0, max: 1 },
      controller: { p50: 120, p90: 150, p99: 200, max: 250 },
      queuePairs: { p50: 15, p90: 25, p99: 40, max: 45 },
      describe: { p50: 0, p90: 0, p99: 1, max: 2 },
    },
    detachPhasesMs: {
      drain: { p50: 0, p90: 0, p99: 0, max: 0 },
      disconnect: { p50: 1, p90: 2, p99: 3, max: 4 },
      linger: { p50: 50, p90: 60, p99: 70, max: 80 },
      destroy: { p50: 9, p90: 8, p99: 7, max: 6 },
    },
    distributionMs: { attach: [{ upTo: 200, count: 99 }], detach: [{ upTo: 80, count: 100 }] },
    timeline: [],
    events: [],
    environment: {
      time: '2026-01-02T03:04:05.678Z',
      spdk: 'SPDK v20.07',
      node: 'v20.19.0',
      kernel: '6.1.0',
      processor: 'a processor',
      processors: 2,
      tcpCongestionControl: 'cubic',
    },
    leaks: countsOf(() => 0),
    rssGrowthKiB: 512,
    rssGrowthCounts: true,
    controllersRetained: 0,
    seconds: 42.5,
    interrupted: false,
    ...changes,
  };
}
