import Table from 'cli-table3';
import { rdmaKinds, resourceKinds } from '../engine/counts.js';
import type { LatencySummary } from '../engine/latencies.js';
import { findings, type StressReport } from './stress-report.js';

// Without colours: the table is as good in a log as on a terminal.
const style = { head: [], border: [] };
const leakTitles = { fd: 'file descriptors' } as const;
/** Without a device. */
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
    verdict(report),
  ].join('\n')}\n`;
}

function latencyTable({ attachMs, detachMs }: StressReport): string {
  const table = new Table({
    head: ['milliseconds', 'p50', 'p90', 'p99', 'max'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style,
  });
  const row = (name: string, { p50, p90, p99, max }: LatencySummary) =>
    table.push([name, ...[p50, p90, p99, max].map((value) => value?.toFixed(1) ?? '-')]);
  row('attach', attachMs);
  row('detach', detachMs);
  return table.toString();
}

function outcomeTable({ loops, completed, failed, hangs, failuresByCode, seconds }: StressReport): string {
  const table = new Table({ style, colAligns: ['left', 'right'] });
  const rate = seconds > 0 ? ((completed + failed) / seconds).toFixed(2) : '-';
  table.push(
    ['loops', loops],
    ['completed', completed],
    ['failed', failed],
    ['hangs', hangs],
    ...Object.entries(failuresByCode).map(([code, count]) => [code, count]),
    ['seconds', seconds.toFixed(1)],
    ['loops a second', rate],
  );
  return table.toString();
}

function leakTable({ device, leaks, rssGrowthKiB, controllersRetained }: StressReport): string {
  const titles: Readonly<Record<string, string>> = leakTitles;
  const kinds = resourceKinds.filter((kind) => device !== null || !uncounted.has(kind));
  const table = new Table({
    head: ['leaks', ...kinds.map((kind) => titles[kind] ?? kind), 'objects', 'resident memory'],
    colAligns: ['left', ...kinds.map(() => 'right' as const), 'right', 'right'],
    style,
  });
  const growth = `${rssGrowthKiB > 0 ? '+' : ''}${rssGrowthKiB} KiB`;
  table.push(['', ...kinds.map((kind) => leaks[kind]), controllersRetained ?? '-', growth]);
  return table.toString();
}

function verdict(report: StressReport): string {
  const found = findings(report);
  const stopped = report.interrupted
    ? `Stopped after ${many(report.completed + report.failed, 'loop')}: `
    : '';
  const text = found.length === 0 ? 'clean' : found.join('; ');
  return stopped + (stopped ? text : text.charAt(0).toUpperCase() + text.slice(1));
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
