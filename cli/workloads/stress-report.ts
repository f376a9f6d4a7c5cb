// The report of a stress run, and what counts as a finding.

import { type Counts, total } from '../engine/measure/counts.js';
import type { RunEvent } from '../engine/measure/events.js';
import type { Bin } from '../engine/measure/histogram.js';
import type { LatencySummary } from '../engine/measure/latencies.js';
import type { AttachPhase, DetachPhase, PhaseSummaries } from '../engine/measure/phases.js';
import type { Surroundings } from '../engine/measure/surroundings.js';
import type { OperationName, TallyColumn } from '../engine/measure/tally.js';
import type { TimelineRow } from '../engine/measure/timeline.js';

/** What a run found; `--json` writes it as it is. */
export interface StressReport {
  /** Counts up when a field changes its meaning. */
  readonly schema: 1;
  /** SPDK's own name of its release. */
  readonly spdk: string;
  /** The RDMA device whose resources were counted; null: none were. */
  readonly device: string | null;
  /** Where the targets are, without the subsystems' NQNs. */
  readonly target: string;
  /** The transport ids of the controllers. */
  readonly targets: readonly string[];
  /** Whether reads were under way while the controllers were detached. */
  readonly reads: boolean;
  readonly pollers: number;
  readonly ioQueues: number;
  readonly controllers: number;
  /** Loops asked for, or begun where the time was given instead. */
  readonly loops: number;
  readonly completed: number;
  readonly failed: number;
  /** Operations that did not end by their deadline. */
  readonly hangs: number;
  readonly failuresByCode: Readonly<Record<string, number>>;
  readonly attachMs: LatencySummary;
  readonly detachMs: LatencySummary;
  /** The phases of an attach: see `AttachReport`. */
  readonly attachPhasesMs: PhaseSummaries<AttachPhase>;
  /** The phases of a detach: see `DetachPhases`. */
  readonly detachPhasesMs: PhaseSummaries<DetachPhase>;
  /** How many operations took how long, in milliseconds. */
  readonly distributionMs: Readonly<Record<OperationName, readonly Bin[]>>;
  /** What happened in each interval: counts, sums of milliseconds, maxima, and resident memory. */
  readonly timeline: readonly TimelineRow<TallyColumn>[];
  readonly events: readonly RunEvent[];
  readonly environment: Surroundings;
  readonly leaks: Counts;
  /** Resident memory at the end less that after warming up; negative when it shrank. */
  readonly rssGrowthKiB: number;
  /**
   * Whether that growth counts as a finding: only where the C library keeps one arena (MALLOC_ARENA_MAX=1). With more it
   * keeps what was freed in each of them, and grows for hundreds of loops without a leak.
   */
  readonly rssGrowthCounts: boolean;
  /** Detached `Controller` objects that garbage collection could not take; null when a signal left no time to look. */
  readonly controllersRetained: number | null;
  /** How long the loops took. */
  readonly seconds: number;
  /** Whether a signal ended it before its time. */
  readonly interrupted: boolean;
}

/**
 * V8's heap and the C library's fluctuate by some MiB before they settle. A leak of one controller in each loop soon
 * exceeds this.
 */
const RSS_WANDER_KIB = 16 * 1024;

/** Everything that keeps a run from being clean, a line each. */
export function findings(report: StressReport): string[] {
  const {
    loops,
    completed,
    failed,
    failuresByCode,
    hangs,
    leaks,
    rssGrowthKiB,
    rssGrowthCounts,
    controllersRetained,
    interrupted,
  } = report;
  const lines: string[] = [];
  if (failed > 0) lines.push(`${failed} of ${completed + failed} loops failed`);
  else if (Object.keys(failuresByCode).length > 0) lines.push('operations failed outside of the loops');
  const missing = loops - completed - failed;
  if (missing > 0 && !interrupted) lines.push(`stopped with ${missing} loops left`);
  if (hangs > 0) lines.push(`${hangs} ${hangs === 1 ? 'operation' : 'operations'} hung`);
  if (total(leaks) > 0) {
    const kinds = Object.entries(leaks).filter(([, count]) => count > 0);
    lines.push(`leaked ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  }
  if (controllersRetained) {
    lines.push(`${controllersRetained} of the detached Controller objects still held`);
  }
  if (rssGrowthCounts && rssGrowthKiB > RSS_WANDER_KIB)
    lines.push(`resident memory grew by ${rssGrowthKiB} KiB`);
  return lines;
}

/** The exit status of a run that was not stopped. */
export function statusOf(report: StressReport): number {
  return findings(report).length === 0 ? 0 : 1;
}
