// What a soak counts and finds.

import type { AttachReport, DetachReport } from 'spdk-nvme';
import { Events } from '../../cli/engine/measure/events.js';
import { Latencies } from '../../cli/engine/measure/latencies.js';
import { attachColumns, detachColumns, phaseColumns } from '../../cli/engine/measure/phases.js';
import { type Merge, Timeline } from '../../cli/engine/measure/timeline.js';
import { codeOf } from '../../cli/engine/process/exit.js';
import { NotSettled, settled } from '../../cli/engine/process/watchdog.js';
import type { PathFaultKind } from './path-plan.js';
import { type FaultKind, isExpected } from './plan.js';
import type { StarvationSince } from './process-watch.js';
import { type OperationCounts, type OperationName, operationNames, type SoakColumn } from './report.js';

const maxMessages = 10;
/** Threads that spin share their processors, so each of them waits for half of the time even when nothing is wrong. */
const starving = 0.8;

/** What is counted by time: operations that succeeded and that failed, phases, and resident memory in MiB. */
const timelineOf: Readonly<Record<SoakColumn, Merge>> = {
  cycles: 'sum',
  reads: 'sum',
  writes: 'sum',
  failed: 'sum',
  rssMiB: 'max',
  ...phaseColumns,
};

/** Counts the results of operations. `loops` and `failed` are for the progress that is shown. */
export class Findings {
  readonly operations = Object.fromEntries(
    operationNames.map((name) => [name, { succeeded: 0, failed: {} }]),
  ) as Record<OperationName, OperationCounts>;
  readonly faults: Partial<Record<FaultKind | PathFaultKind, number>> = {};
  readonly unexpected: Record<string, number> = {};
  readonly latencies = Object.fromEntries(operationNames.map((name) => [name, new Latencies()])) as Record<
    OperationName,
    Latencies
  >;
  readonly timeline = new Timeline<SoakColumn>(timelineOf);
  readonly events = new Events();
  #cycles = 0;
  bytesVerified = 0;
  mismatches = 0;
  hangs = 0;
  /** Operations that timed out while a process hardly ran, and the longest time in which it did not. */
  readonly starved = { operations: 0, longestMs: 0 };
  #reported = 0;
  readonly #report: (line: string) => void;
  readonly #starvationSince: StarvationSince | undefined;

  /** @param starvationSince what kept processes from running, if that is watched */
  constructor(report: (line: string) => void, starvationSince?: StarvationSince) {
    this.#report = report;
    this.#starvationSince = starvationSince;
  }

  /** Notes that the run begins now. */
  begin(): void {
    this.timeline.begin();
    this.events.begin();
  }

  get loops(): number {
    return this.#cycles;
  }

  /** Counts an attach/detach cycle. */
  cycle(): void {
    this.#cycles += 1;
    this.timeline.add({ cycles: 1, rssMiB: process.memoryUsage.rss() / 2 ** 20 });
  }

  /** Adds the phases of an attach, also of a path's. */
  attached(report: AttachReport): void {
    this.timeline.add(attachColumns(report));
  }

  detached(report: DetachReport): void {
    this.timeline.add(detachColumns(report));
  }

  get failed(): number {
    return (
      this.mismatches +
      this.starved.operations +
      Object.values(this.unexpected).reduce((sum, count) => sum + count, 0)
    );
  }

  /**
   * Waits for an operation, at most for so long; undefined when it failed, which is counted.
   * @param expects which codes a fault explains
   */
  async watch<Result>(
    name: OperationName,
    limitMs: number,
    operation: Promise<Result>,
    expects: (code: string) => boolean = isExpected,
  ): Promise<{ value: Result } | undefined> {
    const counts = this.operations[name];
    const begun = performance.now();
    try {
      const value = await settled(name, limitMs, operation);
      counts.succeeded += 1;
      this.latencies[name].add(performance.now() - begun);
      if (name === 'read') this.timeline.add({ reads: 1 });
      if (name === 'write') this.timeline.add({ writes: 1 });
      return { value };
    } catch (error) {
      const code = codeOf(error);
      counts.failed[code] = (counts.failed[code] ?? 0) + 1;
      this.timeline.add({ failed: 1 });
      if (code === NotSettled.CODE || code === 'ERR_SPDK_WEDGED') {
        this.hangs += 1;
        this.#say(`${name} hung: ${describe(error)}${this.#meanwhile(begun)}`);
      } else if (!expects(code)) {
        const isStarved = code === 'ERR_SPDK_TIMEOUT' && this.#isStarved(begun);
        if (!isStarved) this.unexpected[code] = (this.unexpected[code] ?? 0) + 1;
        this.#say(`${name}: ${describe(error)}${this.#meanwhile(begun)}`);
      }
      return undefined;
    }
  }

  /** Whether a process hardly ran during an operation, which explains its timeout. */
  #isStarved(begun: number): boolean {
    const ms = this.#starvationSince?.(begun).starvedMs ?? 0;
    if (ms < starving * (performance.now() - begun)) return false;
    this.starved.operations += 1;
    this.starved.longestMs = Math.max(this.starved.longestMs, ms);
    return true;
  }

  #meanwhile(begun: number): string {
    const starvation = this.#starvationSince?.(begun);
    return starvation ? `\nMeanwhile ${starvation.text}` : '';
  }

  mismatch(what: string): void {
    this.mismatches += 1;
    this.#say(`wrong data: ${what}`);
  }

  fault(kind: FaultKind | PathFaultKind): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    this.events.add(`fault: ${kind}`);
  }

  /** Adds a line that is not a finding, but may explain one. */
  note(line: string): void {
    this.events.add(line);
    this.#report(line);
  }

  #say(line: string): void {
    this.events.add(line);
    this.#reported += 1;
    if (this.#reported <= maxMessages) this.#report(line);
    if (this.#reported === maxMessages) this.#report('Further findings are only counted.');
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = 'nativeStack' in error ? `\n${error.nativeStack}` : '';
  return `${codeOf(error)}: ${error.message}${stack}`;
}
