import Table from 'cli-table3';
import { tableStyle } from '../../../cli/engine/terminal/show.js';
import type { ScaleRow } from './cases.js';

const format = (digits: number) => new Intl.NumberFormat('en', { maximumFractionDigits: digits }).format;
const whole = format(0);
const fine = format(2);

const columns: readonly (readonly [string, (row: ScaleRow) => string])[] = [
  ['controllers', (row) => whole(row.controllers)],
  ['attach, ms', (row) => whole(row.attachMs)],
  ['detach, ms', (row) => whole(row.detachMs)],
  ['threads', (row) => whole(row.ownThreads)],
  ['descriptors', (row) => whole(row.descriptors)],
  ['resident, KiB each', (row) => whole(row.residentBytes / 1024 / row.controllers)],
  ['hugepages, KiB each', (row) => whole(row.hugepageBytes / 1024 / row.controllers)],
  ['idle, % of a core', (row) => fine(row.idlePercent)],
  ['idle, wake-ups/s', (row) => whole(row.wakeUpsPerSecond)],
  ['depth', (row) => whole(row.depth)],
  ['reads/s', (row) => whole(row.readsPerSecond)],
];

export function scaleTable(rows: readonly ScaleRow[]): string {
  const table = new Table({
    head: columns.map(([name]) => name),
    style: tableStyle,
    colAligns: columns.map(() => 'right'),
  });
  for (const row of rows) table.push(columns.map(([, text]) => text(row)));
  return table.toString();
}
