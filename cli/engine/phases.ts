// Where the time of attaches and detaches goes.

import type { AttachReport, DetachReport } from 'spdk-nvme';
import type { Merge } from './timeline.js';

/** In their order. */
export const attachPhases = ['waitMs', 'addressMs', 'controllerMs', 'queuePairsMs', 'describeMs'] as const;
export const detachPhases = ['drainMs', 'disconnectMs', 'lingerMs', 'destroyMs'] as const;
export type AttachPhase = (typeof attachPhases)[number];
export type DetachPhase = (typeof detachPhases)[number];

/** What a timeline has of them: how many there were, and the sum of each of their phases. */
export type PhaseColumn = 'attaches' | AttachPhase | 'detaches' | DetachPhase;
export const phaseColumns = Object.fromEntries(
  ['attaches', ...attachPhases, 'detaches', ...detachPhases].map((name) => [name, 'sum']),
) as Readonly<Record<PhaseColumn, Merge>>;

/** What an attach adds to a timeline. */
export function attachColumns(report: AttachReport): Partial<Record<PhaseColumn, number>> {
  return { attaches: 1, ...Object.fromEntries(attachPhases.map((phase) => [phase, report[phase]])) };
}

/** What a detach adds to it. */
export function detachColumns(report: DetachReport): Partial<Record<PhaseColumn, number>> {
  return { detaches: 1, ...Object.fromEntries(detachPhases.map((phase) => [phase, report[phase]])) };
}
