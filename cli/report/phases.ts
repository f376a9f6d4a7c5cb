import { attachLabels, detachLabels, type PhaseColumn } from '../engine/measure/phases.js';
import type { TimelineRow } from '../engine/measure/timeline.js';
import type { Chart } from './document.js';

/** How long the phases of attaches and of detaches took over the time of a run. */
export function phaseCharts(rows: readonly TimelineRow<PhaseColumn>[]): Chart[] {
  const means = <Phase extends PhaseColumn>(
    labels: Readonly<Record<Phase, string>>,
    count: 'attaches' | 'detaches',
  ) =>
    Object.entries<string>(labels).map(([phase, label]) => ({
      label,
      values: rows.map((row) => (row[count] > 0 ? row[phase as Phase] / row[count] : null)),
    }));
  const chart = (title: string, series: Chart['series']): Chart => ({
    ...{ title, series, yLabel: 'milliseconds, mean', shape: 'lines' },
    x: { label: 'seconds', kind: 'time', values: rows.map(({ atMs, ms }) => (atMs + ms) / 1_000) },
  });
  return [
    chart('Phases of an attach', means(attachLabels, 'attaches')),
    chart('Phases of a detach', means(detachLabels, 'detaches')),
  ];
}
