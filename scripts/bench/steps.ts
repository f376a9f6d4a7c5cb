// Where the time of an attach and a detach goes: the package's steps beside the same steps of the C loop.

import { attachLabels, detachLabels } from '../../cli/engine/measure/phases.js';
import { median, rounded } from './statistics.js';

/** Of the C loop only the steps that it has too; `linger` there is all of freeing the queue pairs. */
const stepLabels = {
  ...attachLabels,
  attachOutsideMs: 'attach: JavaScript and threads',
  ...detachLabels,
  detachOutsideMs: 'detach: JavaScript and threads',
} as const;
type StepName = keyof typeof stepLabels;
/** How long each step took, in milliseconds. */
export type Steps = Readonly<Partial<Record<StepName, number>>>;
const stepNames = Object.keys(stepLabels) as readonly StepName[];

/** The median of each step; steps that no cycle has are left out. */
export function medianSteps(cycles: readonly { readonly steps?: Steps }[]): Steps {
  const medians = stepNames.flatMap((name) => {
    const times = cycles.flatMap(({ steps }) => steps?.[name] ?? []);
    return times.length === 0 ? [] : [[name, rounded(median(times))]];
  });
  return Object.fromEntries(medians);
}

/** A row for each step: its label, the package's median and the C loop's, which is empty if it has no such step. */
export function stepRows(binding: Steps, native: Steps): string[][] {
  return stepNames.flatMap((name) => {
    const time = (steps: Steps) => steps[name]?.toFixed(1) ?? '';
    return name in binding || name in native ? [[stepLabels[name], time(binding), time(native)]] : [];
  });
}
