import Table from 'cli-table3';
import { tableStyle } from '../../../cli/engine/terminal/show.js';
import type { IoRow } from './measure.js';

const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export function ioTable(rows: readonly IoRow[]): string {
  const table = new Table({
    head: [
      '',
      'block',
      'depth',
      'through',
      'op/s',
      'perf op/s',
      'ratio',
      'p50 µs',
      'perf',
      'p99 µs',
      'perf',
      'CPU s/M',
      'perf',
    ],
    style: tableStyle,
    colAligns: ['left', 'right', 'right', 'left', ...new Array<'right'>(9).fill('right')],
  });
  for (const { transport, op, blockSize, queueDepth, api, polling, binding, native, ratio } of rows) {
    table.push([
      `${transport} ${op}`,
      count.format(blockSize),
      queueDepth,
      `${api}, ${polling}`,
      count.format(binding.iops),
      count.format(native.iops),
      ratio.toFixed(2),
      fine.format(binding.p50Us),
      fine.format(native.p50Us),
      fine.format(binding.p99Us),
      fine.format(native.p99Us),
      binding.cpuSecondsPerMillion.toFixed(2),
      native.cpuSecondsPerMillion.toFixed(2),
    ]);
  }
  return table.toString();
}
