import { formatBytes } from '../engine/options/numbers.js';
import { many } from '../engine/terminal/many.js';
import type { Interval } from '../workloads/io-meter.js';
import type { PerfReport } from '../workloads/perf.js';
import { type Chart, distributionChart, type ReportDocument } from './document.js';
import { surroundingsFacts } from './facts.js';

/** More points than this are not seen apart. */
const maxPoints = 1_500;

/** What the page of a performance run shows. */
export function perfDocument(report: PerfReport): ReportDocument {
  const { latencyUs, ioSize, depth, ioQueues, api, polling, rate } = report;
  const us = (value: number | null) => value?.toFixed(1) ?? '-';
  return {
    title: `spdk-nvme perf: ${report.pattern}, ${formatBytes(ioSize)}, depth ${depth}`,
    facts: [
      ['target', `${report.target}, namespace ${report.namespaceId}`],
      ['load', `depth ${depth} on ${many(ioQueues, 'I/O queue')}, ${api}, ${polling}`],
      ['rate', rate === undefined ? 'no limit' : `at most ${rate} operations a second`],
      ['measured', `${report.measuredSeconds} s after ${report.rampSeconds} s of ramp`],
      ...surroundingsFacts(report.environment),
    ],
    findings: report.findings,
    interrupted: report.interrupted,
    tables: [
      {
        title: 'Operations',
        head: ['operations', 'reads', 'per second', 'bytes per second', 'CPU s per million'],
        rows: [
          [
            report.operations,
            report.reads,
            Math.round(report.iops),
            formatBytes(report.bytesPerSecond),
            report.cpuSecondsPerMillion.toFixed(2),
          ],
        ],
      },
      {
        title: 'Latency in µs',
        head: ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'],
        rows: [
          [latencyUs.mean, latencyUs.p50, latencyUs.p90, latencyUs.p99, latencyUs.p999, latencyUs.max].map(
            us,
          ),
        ],
      },
    ],
    charts: [
      distributionChart('Latency distribution', 'µs', { operations: report.distributionUs }),
      ...overTime(thinned(report.intervals)),
    ],
    events: report.events,
  };
}

function overTime(intervals: readonly Interval[]): Chart[] {
  const x = { label: 'seconds', kind: 'time' as const, values: intervals.map(({ atMs }) => atMs / 1_000) };
  const rates = intervals.map(({ atMs, operations }, index) => {
    const ms = atMs - (intervals[index - 1]?.atMs ?? 0);
    return ms > 0 ? (operations / ms) * 1_000 : null;
  });
  return [
    {
      title: 'Rate over time',
      x,
      yLabel: 'operations a second',
      shape: 'lines',
      series: [{ label: 'operations a second', values: rates }],
    },
    {
      title: 'Latency over time',
      x,
      yLabel: 'µs',
      yKind: 'log',
      shape: 'lines',
      series: [
        { label: 'p50', values: intervals.map(({ p50Us }) => p50Us) },
        { label: 'p99', values: intervals.map(({ p99Us }) => p99Us) },
      ],
    },
  ];
}

/** Joins intervals where there are too many: operations add up, and of the percentiles the worst is shown. */
function thinned(intervals: readonly Interval[]): Interval[] {
  const size = Math.ceil(intervals.length / maxPoints);
  const groups = Array.from({ length: Math.ceil(intervals.length / Math.max(1, size)) }, (_, index) =>
    intervals.slice(index * size, (index + 1) * size),
  );
  const worst = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length > 0 ? Math.max(...known) : null;
  };
  return groups.map((group) => ({
    atMs: group.at(-1)?.atMs ?? 0,
    operations: group.reduce((sum, { operations }) => sum + operations, 0),
    p50Us: worst(group.map(({ p50Us }) => p50Us)),
    p99Us: worst(group.map(({ p99Us }) => p99Us)),
  }));
}
