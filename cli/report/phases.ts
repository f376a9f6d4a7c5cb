import type { PhaseColumn } from '../engine/phases.js';
import type { TimelineRow } from '../engine/timeline.js';
import type { Chart } from './document.js';

/** How long the phases of attaches and of detaches took over the time of a run. */
export function phaseCharts(rows: readonly TimelineRow<PhaseColumn>[]): Chart[] {
  const mean = (sum: PhaseColumn, count: 'attaches' | 'detaches') =>
    rows.map((row) => (row[count] > 0 ? row[sum] / row[count] : null));
  const chart = (title: string, series: Chart['series']): Chart => ({
    ...{ title, series, yLabel: 'milliseconds, mean', shape: 'lines' },
    x: { label: 'seconds', kind: 'time', values: rows.map(({ atMs, ms }) => (atMs + ms) / 1_000) },
  });
  return [
    chart('Phases of an attach', [
      { label: 'wait', values: mean('waitMs', 'attaches') },
      { label: 'check of the address', values: mean('addressMs', 'attaches') },
      { label: 'controller', values: mean('controllerMs', 'attaches') },
      { label: 'queue pairs', values: mean('queuePairsMs', 'attaches') },
      { label: 'description', values: mean('describeMs', 'attaches') },
    ]),
    chart('Phases of a detach', [
      { label: 'drain', values: mean('drainMs', 'detaches') },
      { label: 'disconnect', values: mean('disconnectMs', 'detaches') },
      { label: 'linger', values: mean('lingerMs', 'detaches') },
      { label: 'destroy', values: mean('destroyMs', 'detaches') },
    ]),
  ];
}
