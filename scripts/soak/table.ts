import Table from 'cli-table3';
import { resourceKinds } from '../../cli/engine/measure/counts.js';
import { verdict } from '../../cli/engine/terminal/color.js';
import { tableStyle as style } from '../../cli/engine/terminal/show.js';
import { findings, operationNames, type SoakReport } from './report.js';

/** The report as people read it. */
export function renderReport(report: SoakReport): string {
  const { spdk, device, workload, seed, minutes, controllers, pollers, cycles, bytesVerified, seconds } =
    report;
  const operations = new Table({ head: ['', 'succeeded', 'failed'], colAligns: ['left', 'right'], style });
  for (const name of operationNames) {
    const { succeeded, failed } = report.operations[name];
    const codes = Object.entries(failed).map(([code, count]) => `${count} ${code}`);
    operations.push([name, succeeded, codes.join('\n')]);
  }
  const faults = new Table({ head: ['fault', 'times'], colAligns: ['left', 'right'], style });
  for (const [kind, count] of Object.entries(report.faults)) faults.push([kind, count]);
  const leaks = new Table({
    head: ['leaks', ...resourceKinds, 'objects', 'resident memory'],
    colAligns: ['left', ...resourceKinds.map(() => 'right' as const), 'right', 'right'],
    style,
  });
  const growth = `${report.rssGrowthKiB > 0 ? '+' : ''}${report.rssGrowthKiB} KiB`;
  leaks.push([
    '',
    ...resourceKinds.map((kind) => report.leaks[kind]),
    report.controllersRetained ?? '-',
    growth,
  ]);
  return `${[
    `${spdk}, ${device}; ${workload}, seed ${seed}, ${minutes} min, ${controllers} at once, ${pollers} pollers`,
    operations.toString(),
    faults.toString(),
    `${cycles} attach/detach cycles in ${seconds.toFixed(0)} s; ${(bytesVerified / 2 ** 20).toFixed(0)} MiB read and verified`,
    leaks.toString(),
    verdict(findings(report), report.interrupted ? 'Stopped' : ''),
  ].join('\n')}\n`;
}
