import { rdmaKinds, resourceKinds } from '../engine/measure/counts.js';
import type { LatencySummary } from '../engine/measure/latencies.js';
import type { TallyColumn } from '../engine/measure/tally.js';
import type { TimelineRow } from '../engine/measure/timeline.js';
import { many } from '../engine/terminal/many.js';
import { findings, type StressReport } from '../workloads/stress-report.js';
import { type Chart, distributionChart, type ReportDocument, type ReportTable } from './document.js';
import { surroundingsFacts } from './facts.js';
import { phaseCharts } from './phases.js';

type Row = TimelineRow<TallyColumn>;

/** What the page of a stress run shows. */
export function stressDocument(report: StressReport): ReportDocument {
  const { controllers, pollers, ioQueues, reads } = report;
  return {
    title: 'spdk-nvme stress: attach and detach in loops',
    facts: [
      ['target', report.target],
      [
        'load',
        [
          `${many(controllers, 'controller')} at once`,
          `${many(ioQueues, 'I/O queue')} each`,
          many(pollers, 'poller'),
          reads ? 'detached with reads in flight' : 'no I/O',
        ].join(', '),
      ],
      ['measured', `${report.seconds} s after the warm-up`],
      ...surroundingsFacts(report.environment),
    ],
    findings: findings(report),
    interrupted: report.interrupted,
    tables: [outcome(report), latencies(report), leakTable(report)],
    charts: [
      distributionChart('Latency distribution', 'milliseconds', report.distributionMs),
      ...overTime(report.timeline),
    ],
    events: report.events,
  };
}

function outcome(report: StressReport): ReportTable {
  const { loops, completed, failed, hangs, failuresByCode } = report;
  const codes = Object.entries(failuresByCode);
  return {
    title: 'Loops',
    head: ['asked for', 'completed', 'failed', 'hangs', ...codes.map(([code]) => code)],
    rows: [[loops, completed, failed, hangs, ...codes.map(([, count]) => count)]],
  };
}

function latencies({ attachMs, detachMs, attachPhasesMs, detachPhasesMs }: StressReport): ReportTable {
  const row = (name: string, { p50, p90, p99, max }: LatencySummary) => [
    name,
    ...[p50, p90, p99, max].map((value) => value?.toFixed(2) ?? '-'),
  ];
  return {
    title: 'Latency and phases in ms',
    head: ['', 'p50', 'p90', 'p99', 'max'],
    rows: [
      row('attach', attachMs),
      ...Object.entries(attachPhasesMs).map(([phase, summary]) => row(`attach: ${phase}`, summary)),
      row('detach', detachMs),
      ...Object.entries(detachPhasesMs).map(([phase, summary]) => row(`detach: ${phase}`, summary)),
    ],
  };
}

/** What a run left behind. */
export function leakTable({
  device,
  leaks,
  controllersRetained,
  rssGrowthKiB,
}: Pick<StressReport, 'device' | 'leaks' | 'controllersRetained' | 'rssGrowthKiB'>): ReportTable {
  const uncounted: ReadonlySet<string> = new Set(device === null ? rdmaKinds : []);
  const kinds = resourceKinds.filter((kind) => !uncounted.has(kind));
  return {
    title: 'Leaks',
    head: [...kinds, 'Controller objects', 'growth of resident memory'],
    rows: [[...kinds.map((kind) => leaks[kind]), controllersRetained ?? '-', `${rssGrowthKiB} KiB`]],
  };
}

function overTime(rows: readonly Row[]): Chart[] {
  const x = {
    label: 'seconds',
    kind: 'time' as const,
    values: rows.map(({ atMs, ms }) => (atMs + ms) / 1_000),
  };
  const mean = (sum: TallyColumn, count: 'attaches' | 'detaches') =>
    rows.map((row) => (row[count] > 0 ? row[sum] / row[count] : null));
  const largest = (max: TallyColumn, count: 'attaches' | 'detaches') =>
    rows.map((row) => (row[count] > 0 ? row[max] : null));
  const chart = (title: string, yLabel: string, series: Chart['series']): Chart => ({
    ...{ title, x, yLabel, series },
    shape: 'lines',
  });
  return [
    chart('Rate over time', 'loops a second', [
      { label: 'loops a second', values: rows.map(({ loops, ms }) => (loops / ms) * 1_000) },
      { label: 'of them failed', values: rows.map(({ failed, ms }) => (failed / ms) * 1_000) },
    ]),
    chart('Latency over time', 'milliseconds', [
      { label: 'attach, mean', values: mean('attachMs', 'attaches') },
      { label: 'attach, max', values: largest('attachMaxMs', 'attaches') },
      { label: 'detach, mean', values: mean('detachMs', 'detaches') },
      { label: 'detach, max', values: largest('detachMaxMs', 'detaches') },
    ]),
    ...phaseCharts(rows),
    chart('Resident memory', 'MiB', [
      { label: 'MiB', values: rows.map(({ rssMiB }) => (rssMiB > 0 ? rssMiB : null)) },
    ]),
  ];
}
