import Table from 'cli-table3';
import { tableStyle } from '../../../cli/engine/terminal/show.js';
import type { MemoryRow, MemorySummary } from './cases.js';

const kib = (bytes: number) => new Intl.NumberFormat('en', { maximumFractionDigits: 0 }).format(bytes / 1024);
const mib = (bytes: number) =>
  new Intl.NumberFormat('en', { maximumFractionDigits: 1 }).format(bytes / 2 ** 20);
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function memoryTable(rows: readonly MemoryRow[]): string {
  const table = new Table({
    head: [
      '',
      'controllers',
      'queues',
      'attached',
      'hugepages, KiB each',
      'resident, KiB each',
      'DPDK has, MiB',
      'attach, ms',
      'detach, ms',
    ],
    style: tableStyle,
    colAligns: ['left', 'right', 'right', 'left', ...new Array<'right'>(5).fill('right')],
  });
  for (const row of rows) {
    const { transport, controllers, ioQueues, together } = row;
    table.push([
      transport,
      controllers,
      ioQueues,
      together ? 'at once' : 'in turn',
      kib(row.usedBytes / controllers),
      kib(row.residentBytes / controllers),
      mib(row.heapBytes),
      whole.format(row.attachMs),
      whole.format(row.detachMs),
    ]);
  }
  return table.toString();
}

/** What the numbers mean: one sentence for each transport. */
export function memoryVerdict(summary: MemorySummary): string {
  const { transport, growth, attachMs } = summary;
  return (
    `${transport}: a controller with one queue takes ${kib(summary.usedPerController)} KiB of hugepages and ` +
    `${kib(summary.residentPerController)} KiB of resident memory, a further queue ${kib(summary.usedPerQueue)} and ` +
    `${kib(summary.residentPerQueue)} KiB; ${summary.linear ? 'linear' : 'NOT linear'}: each of 64 costs ` +
    `${growth.used.toFixed(2)} and ${growth.resident.toFixed(2)} of what each of 16 does. ` +
    `64 attaches: ${whole.format(attachMs.inTurn)} ms in turn, ${whole.format(attachMs.together)} ms at once`
  );
}
