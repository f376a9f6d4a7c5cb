import { type Chart, distributionChart, type ReportDocument } from '../../cli/report/document.js';
import { surroundingsFacts } from '../../cli/report/facts.js';
import { phaseCharts } from '../../cli/report/phases.js';
import { leakTable } from '../../cli/report/stress.js';
import { findings, operationNames, type SoakColumn, type SoakReport } from './report.js';

/** What the page of a soak shows. */
export function soakDocument(report: SoakReport): ReportDocument {
  const { device, workload, seed, minutes, controllers, pollers, cycles, operations, faults } = report;
  return {
    title: 'soak: random work and faults',
    facts: [
      ['load', `${workload}, ${controllers} at once, ${pollers} pollers, ${device}`],
      ['asked for', `${minutes} min, seed ${seed}`],
      ['done', `${cycles} attach/detach cycles in ${report.seconds} s`],
      ...surroundingsFacts(report.environment),
    ],
    findings: findings(report),
    interrupted: report.interrupted,
    tables: [
      {
        title: 'Operations',
        head: ['', 'succeeded', 'failed'],
        rows: operationNames.map((name) => [
          name,
          operations[name].succeeded,
          Object.entries(operations[name].failed)
            .map(([code, count]) => `${count} ${code}`)
            .join(', '),
        ]),
      },
      { title: 'Faults', head: ['fault', 'times'], rows: Object.entries(faults) },
      leakTable(report),
    ],
    charts: [
      distributionChart('Latency distribution', 'milliseconds', report.distributionMs),
      ...overTime(report),
    ],
    events: report.events,
  };
}

function overTime({ timeline }: SoakReport): Chart[] {
  const values = timeline.map(({ atMs, ms }) => (atMs + ms) / 1_000);
  const rate = (name: SoakColumn) => timeline.map((row) => (row[name] / row.ms) * 1_000);
  const chart = (title: string, yLabel: string, series: Chart['series']): Chart => ({
    ...{ title, yLabel, series },
    x: { label: 'seconds', kind: 'time', values },
    shape: 'lines',
  });
  return [
    chart('Operations over time', 'operations a second', [
      { label: 'reads', values: rate('reads') },
      { label: 'writes', values: rate('writes') },
      { label: 'failed', values: rate('failed') },
    ]),
    chart('Attach/detach cycles over time', 'cycles a second', [{ label: 'cycles', values: rate('cycles') }]),
    ...phaseCharts(timeline),
    chart('Resident memory', 'MiB', [
      { label: 'MiB', values: timeline.map(({ rssMiB }) => (rssMiB > 0 ? rssMiB : null)) },
    ]),
  ];
}
