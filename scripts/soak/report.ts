// The report of a soak, and what counts as a finding.

import { type Counts, total } from '../../cli/engine/measure/counts.js';
import type { RunEvent } from '../../cli/engine/measure/events.js';
import type { Bin } from '../../cli/engine/measure/histogram.js';
import type { PhaseColumn } from '../../cli/engine/measure/phases.js';
import type { Surroundings } from '../../cli/engine/measure/surroundings.js';
import type { TimelineRow } from '../../cli/engine/measure/timeline.js';
import type { SoakWorkload } from './options.js';
import type { PathFaultKind } from './path-plan.js';
import type { FaultKind } from './plan.js';

/** What the timeline counts. */
export type SoakColumn = 'cycles' | 'reads' | 'writes' | 'failed' | 'rssMiB' | PhaseColumn;

/** How often each operation succeeded, and how often it ended with which code. */
export interface OperationCounts {
  succeeded: number;
  readonly failed: Record<string, number>;
}

export const operationNames = ['attach', 'detach', 'reset', 'read', 'write', 'close'] as const;
export type OperationName = (typeof operationNames)[number];

/** What a run found; `--json` writes it as it is. */
export interface SoakReport {
  readonly schema: 1;
  readonly spdk: string;
  readonly environment: Surroundings;
  readonly device: string;
  readonly workload: SoakWorkload;
  readonly seed: number;
  readonly minutes: number;
  readonly controllers: number;
  readonly pollers: number;
  /** Attach/detach cycles. */
  readonly cycles: number;
  readonly operations: Readonly<Record<OperationName, OperationCounts>>;
  readonly faults: Readonly<Partial<Record<FaultKind | PathFaultKind, number>>>;
  readonly bytesVerified: number;
  /** Reads that returned other data than was written. */
  readonly mismatches: number;
  /** Operations that did not end by their deadline, and detaches during which SPDK did not return. */
  readonly hangs: number;
  /** Timeouts of operations during which a process hardly ran, starved or stopped, and the longest such time. */
  readonly starved: { readonly operations: number; readonly longestMs: number };
  /** All other errors that no fault explains, by code. */
  readonly unexpected: Readonly<Record<string, number>>;
  /** How many operations that succeeded took how long, in milliseconds. */
  readonly distributionMs: Readonly<Record<OperationName, readonly Bin[]>>;
  /** What happened in each interval: counts, and resident memory. */
  readonly timeline: readonly TimelineRow<SoakColumn>[];
  readonly events: readonly RunEvent[];
  readonly leaks: Counts;
  readonly rssGrowthKiB: number;
  /** Detached `Controller` objects that garbage collection could not take; null when a signal left no time to look. */
  readonly controllersRetained: number | null;
  readonly seconds: number;
  /** Ended by a signal before its time. */
  readonly interrupted: boolean;
}

/**
 * With thousands of buffers a minute, V8's heap and the C library's fluctuate more than in the stress script. Seen: 16
 * MiB after one minute, 28 after two. Whether this levels off later is not known.
 */
const rssWanderKiB = 32 * 1024;

/** Everything that keeps a run from being clean, a line each. */
export function findings(report: SoakReport): string[] {
  const { cycles, operations, mismatches, hangs, starved, unexpected } = report;
  const { leaks, rssGrowthKiB, controllersRetained } = report;
  const lines: string[] = [];
  if (mismatches > 0) lines.push(`${mismatches} reads returned wrong data`);
  if (hangs > 0) lines.push(`${hangs} ${hangs === 1 ? 'operation' : 'operations'} hung`);
  if (starved.operations > 0) {
    const ms = starved.longestMs.toFixed(0);
    lines.push(
      `${starved.operations} operations timed out while a process did not run: starved or stopped for up to ${ms} ms`,
    );
  }
  const codes = Object.entries(unexpected);
  if (codes.length > 0) {
    lines.push(`unexpected errors: ${codes.map(([code, count]) => `${count} ${code}`).join(', ')}`);
  }
  if (total(leaks) > 0) {
    const kinds = Object.entries(leaks).filter(([, count]) => count > 0);
    lines.push(`leaked ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  }
  if (controllersRetained) lines.push(`${controllersRetained} of the detached Controller objects still held`);
  if (rssGrowthKiB > rssWanderKiB) lines.push(`resident memory grew by ${rssGrowthKiB} KiB`);
  // A run in which no operation succeeded shows nothing.
  if (!report.interrupted && (cycles === 0 || operations.read.succeeded === 0))
    lines.push('nothing was done');
  return lines;
}

/** The exit status of a run that was not stopped. */
export function statusOf(report: SoakReport): number {
  return findings(report).length === 0 ? 0 : 1;
}
