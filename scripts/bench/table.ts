import Table from 'cli-table3';
import { many } from '../../cli/engine/terminal/many.js';
import { tableStyle } from '../../cli/engine/terminal/show.js';
import { type AttachDetachReport, SIDE_NAMES } from './report.js';
import type { Summary } from './statistics.js';
import { stepRows } from './steps.js';

/** The reports as a table, in milliseconds. */
export function attachDetachTable(reports: readonly AttachDetachReport[]): string {
  const right = { hAlign: 'right' } as const;
  const table = new Table({
    head: ['I/O queues', '', 'attach p50', 'p99', 'detach p50', 'p99', 'both p50', 'p99'],
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { ...tableStyle, compact: true },
  });
  for (const { ioQueues, binding, native, nvmeCli, ratio } of reports) {
    const ratios = [ratio.attach, ratio.detach, ratio.both].flatMap((value) => [value.toFixed(2), '']);
    const rows = [
      [SIDE_NAMES.binding, ...numbers(binding.attachMs, binding.detachMs, binding.bothMs)],
      [SIDE_NAMES.native, ...numbers(native.attachMs, native.detachMs, native.bothMs)],
      ['ratio', ...ratios],
    ];
    if (nvmeCli) {
      const label = `${SIDE_NAMES.nvmeCli} (${nvmeCli.cycles})`;
      rows.push([label, ...numbers(nvmeCli.connectMs, nvmeCli.disconnectMs), '', '']);
    }
    rows.forEach((row, index) => {
      table.push(index === 0 ? [{ ...right, rowSpan: rows.length, content: String(ioQueues) }, ...row] : row);
    });
  }
  return table.toString();
}

/** The medians of the steps for one number of I/O queues, in milliseconds. */
export function stepsTable({ ioQueues, binding, native }: AttachDetachReport): string {
  const table = new Table({
    head: [`step, ${many(ioQueues, 'I/O queue')}`, SIDE_NAMES.binding, SIDE_NAMES.native],
    colAligns: ['left', 'right', 'right'],
    style: { ...tableStyle, compact: true },
  });
  table.push(...stepRows(binding.steps, native.steps));
  return table.toString();
}

function numbers(...summaries: readonly Summary[]): string[] {
  return summaries.flatMap(({ p50, p99 }) => [p50.toFixed(1), p99.toFixed(1)]);
}
