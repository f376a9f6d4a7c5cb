// Where the time of attaches and detaches goes.

import type { AttachReport, DetachPhases, DetachReport } from 'spdk-nvme';
import type { Latencies, LatencySummary } from './latencies.js';
import type { Merge } from './timeline.js';

export type AttachPhase = Exclude<keyof AttachReport, 'totalMs'>;
export type DetachPhase = Exclude<keyof DetachPhases, 'totalMs'>;

/** Their names in charts, all of them in their order. */
export const attachLabels: Readonly<Record<AttachPhase, string>> = {
  waitMs: 'wait',
  addressMs: 'check of the address',
  controllerMs: 'controller',
  queuePairsMs: 'queue pairs',
  describeMs: 'description',
};
export const detachLabels: Readonly<Record<DetachPhase, string>> = {
  drainMs: 'drain',
  disconnectMs: 'disconnect',
  lingerMs: 'linger',
  destroyMs: 'destroy',
};
export const attachPhases = Object.keys(attachLabels) as readonly AttachPhase[];
export const detachPhases = Object.keys(detachLabels) as readonly DetachPhase[];

/** The latencies of phases, whose names have no unit here. */
export type PhaseSummaries<Phase extends string> = Readonly<
  Record<Phase extends `${infer Name}Ms` ? Name : never, LatencySummary>
>;

export function phaseSummaries<Phase extends string>(
  latencies: Readonly<Record<Phase, Latencies>>,
  phases: readonly Phase[],
): PhaseSummaries<Phase> {
  const named = phases.map((phase) => [phase.replace(/Ms$/, ''), latencies[phase].summary()]);
  return Object.fromEntries(named) as PhaseSummaries<Phase>;
}

/** The columns of a timeline: the numbers of attaches and detaches, and the sum of each of their phases. */
export type PhaseColumn = 'attaches' | AttachPhase | 'detaches' | DetachPhase;
export const phaseColumns = Object.fromEntries(
  ['attaches', ...attachPhases, 'detaches', ...detachPhases].map((name) => [name, 'sum']),
) as Readonly<Record<PhaseColumn, Merge>>;

/** The values that an attach adds to a timeline. */
export function attachColumns(report: AttachReport): Partial<Record<PhaseColumn, number>> {
  return { attaches: 1, ...Object.fromEntries(attachPhases.map((phase) => [phase, report[phase]])) };
}

/** The values that a detach adds to a timeline. */
export function detachColumns(report: DetachReport): Partial<Record<PhaseColumn, number>> {
  return { detaches: 1, ...Object.fromEntries(detachPhases.map((phase) => [phase, report[phase]])) };
}
