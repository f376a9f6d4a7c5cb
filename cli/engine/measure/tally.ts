// What a stress run counts.

import type { AttachReport, DetachReport } from 'spdk-nvme';
import { codeOf, messageOf } from '../process/exit.js';
import { NotSettled } from '../process/watchdog.js';
import { Events } from './events.js';
import { Latencies } from './latencies.js';
import {
  type AttachPhase,
  attachColumns,
  attachPhases,
  type DetachPhase,
  detachColumns,
  detachPhases,
  phaseColumns,
} from './phases.js';
import { Timeline } from './timeline.js';

export type OperationName = 'attach' | 'detach';

/** Codes of operations that missed their deadline, by the package or by the watchdog. */
const HANG_CODES: ReadonlySet<string> = new Set(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_WEDGED', NotSettled.CODE]);
/** The most failures that are kept as text; further ones are only counted. */
const MAX_MESSAGES = 5;

/** What is counted by time. Latencies and phases are sums of milliseconds but for the maxima; memory is in MiB. */
const timelineOf = {
  loops: 'sum',
  failed: 'sum',
  attachMs: 'sum',
  attachMaxMs: 'max',
  detachMs: 'sum',
  detachMaxMs: 'max',
  rssMiB: 'max',
  ...phaseColumns,
} as const;
export type TallyColumn = keyof typeof timelineOf;

type Phase = AttachPhase | DetachPhase;

/** Counts the results of operations and loops. */
export class Tally {
  latencies: Readonly<Record<OperationName, Latencies>> = newLatencies();
  phases: Readonly<Record<Phase, Latencies>> = newPhases();
  readonly timeline = new Timeline<TallyColumn>(timelineOf);
  readonly events = new Events();
  readonly failuresByCode: Record<string, number> = {};
  hangs = 0;
  /** Loops without and with failures. */
  completed = 0;
  failed = 0;
  #failures = 0;
  #warmingUp = true;
  #left = false;
  readonly #report: (line: string) => void;

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** All failures so far. */
  get failures(): number {
    return this.#failures;
  }

  get loops(): number {
    return this.completed + this.failed;
  }

  /** Ends the warm-up: its loops and latencies do not count, its failures do. */
  begin(): void {
    this.#warmingUp = false;
    this.latencies = newLatencies();
    this.phases = newPhases();
    this.timeline.begin();
    this.events.begin();
    this.completed = 0;
    this.failed = 0;
  }

  /** Nobody waits for what is under way any more: that it fails when its environment is closed does not count. */
  leave(): void {
    this.#left = true;
  }

  fail(code: string, message: string): void {
    if (this.#left) return;
    this.#failures += 1;
    this.failuresByCode[code] = (this.failuresByCode[code] ?? 0) + 1;
    if (HANG_CODES.has(code)) this.hangs += 1;
    this.events.add(`${code}: ${message}`);
    if (this.#failures <= MAX_MESSAGES)
      this.#report(`${this.#warmingUp ? 'Warm-up loop' : 'Loop'} ${this.loops + 1}: ${code}: ${message}`);
    if (this.#failures === MAX_MESSAGES) this.#report('Further failures are only counted.');
  }

  /** Counts a loop that has ended, well or not. */
  loop(succeeded: boolean): void {
    if (this.#left) return;
    if (succeeded) this.completed += 1;
    else this.failed += 1;
    const rssMiB = process.memoryUsage.rss() / 2 ** 20;
    this.timeline.add({ loops: 1, failed: succeeded ? 0 : 1, rssMiB });
  }

  /** Adds the phases of an attach. */
  attached(report: AttachReport): void {
    for (const phase of attachPhases) this.phases[phase].add(report[phase]);
    this.timeline.add(attachColumns(report));
  }

  /** Adds the phases of a detach. */
  detached(report: DetachReport): void {
    for (const phase of detachPhases) this.phases[phase].add(report[phase]);
    this.timeline.add(detachColumns(report));
  }

  /** Runs an operation and records its duration or failure; undefined if it failed. */
  async measure<Result>(name: OperationName, operation: () => Promise<Result>): Promise<Result | undefined> {
    const start = performance.now();
    try {
      const result = await operation();
      const ms = performance.now() - start;
      this.latencies[name].add(ms);
      this.timeline.add(
        name === 'attach' ? { attachMs: ms, attachMaxMs: ms } : { detachMs: ms, detachMaxMs: ms },
      );
      return result;
    } catch (error) {
      this.fail(codeOf(error), messageOf(error));
      return undefined;
    }
  }
}

function newLatencies(): Record<OperationName, Latencies> {
  return { attach: new Latencies(), detach: new Latencies() };
}

function newPhases(): Record<Phase, Latencies> {
  const all = [...attachPhases, ...detachPhases].map((phase) => [phase, new Latencies()]);
  return Object.fromEntries(all) as Record<Phase, Latencies>;
}
