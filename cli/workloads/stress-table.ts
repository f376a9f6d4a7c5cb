import Table from 'cli-table3';
import { rdmaKinds, resourceKinds } from '../engine/measure/counts.js';
import type { LatencySummary } from '../engine/measure/latencies.js';
import { verdict } from '../engine/terminal/color.js';
import { many } from '../engine/terminal/many.js';
import { tableStyle as style, table } from '../engine/terminal/show.js';
import { findings, type StressReport } from './stress-report.js';

const leakTitles = { fd: 'file descriptors' } as const;
/** The kinds that are not counted without a device. */
const uncounted: ReadonlySet<string> = new Set(rdmaKinds);

/** The report as people read it. */
export function renderReport(report: StressReport): string {
  const { spdk, device, target, pollers, ioQueues, controllers, reads } = report;
  const counts = `${many(controllers, 'controller')} at once, ${many(pollers, 'poller')}, ${many(ioQueues, 'I/O queue')}${reads ? ', reads in flight' : ''}`;
  return `${[
    [spdk, device, target].filter(Boolean).join(', '),
    counts,
    latencyTable(report),
    outcomeTable(report),
    leakTable(report),
    verdict(findings(report), stoppedAfter(report)),
  ].join('\n')}\n`;
}

function latencyTable({ attachMs, detachMs }: StressReport): string {
  const row = (name: string, { p50, p90, p99, max }: LatencySummary) => [
    name,
    ...[p50, p90, p99, max].map((value) => value?.toFixed(1) ?? '-'),
  ];
  return table(
    ['milliseconds', 'p50', 'p90', 'p99', 'max'],
    [row('attach', attachMs), row('detach', detachMs)],
    {
      align: ['left', 'right', 'right', 'right', 'right'],
      listed: ['latency', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms'],
    },
  );
}

function outcomeTable({ loops, completed, failed, hangs, failuresByCode, seconds }: StressReport): string {
  const outcomes = new Table({ style, colAligns: ['left', 'right'] });
  const rate = seconds > 0 ? ((completed + failed) / seconds).toFixed(2) : '-';
  outcomes.push(
    ['loops', loops],
    ['completed', completed],
    ['failed', failed],
    ['hangs', hangs],
    ...Object.entries(failuresByCode).map(([code, count]) => [code, count]),
    ['seconds', seconds.toFixed(1)],
    ['loops a second', rate],
  );
  return outcomes.toString();
}

function leakTable({ device, leaks, rssGrowthKiB, controllersRetained }: StressReport): string {
  const titles: Readonly<Record<string, string>> = leakTitles;
  const kinds = resourceKinds.filter((kind) => device !== null || !uncounted.has(kind));
  const growth = `${rssGrowthKiB > 0 ? '+' : ''}${rssGrowthKiB} KiB`;
  return table(
    ['leaks', ...kinds.map((kind) => titles[kind] ?? kind), 'objects', 'resident memory'],
    [['', ...kinds.map((kind) => leaks[kind]), controllersRetained ?? '-', growth]],
    { align: ['left', ...kinds.map(() => 'right' as const), 'right', 'right'] },
  );
}

function stoppedAfter({ interrupted, completed, failed }: StressReport): string {
  return interrupted ? `Stopped after ${many(completed + failed, 'loop')}` : '';
}
