import { Latencies } from './latencies.js';
import { AnswerMissing } from './watchdog.js';

export type OperationName = 'attach' | 'detach';

/** Codes of operations that missed their deadline, by the package or by the watchdog. */
const HANG_CODES: ReadonlySet<string> = new Set(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_WEDGED', AnswerMissing.CODE]);
/** Further failures are only counted. */
const MESSAGES_TOLD = 5;

/** Counts the results of operations and loops. */
export class Tally {
  latencies: Readonly<Record<OperationName, Latencies>> = newLatencies();
  readonly failuresByCode: Record<string, number> = {};
  hangs = 0;
  /** Loops without and with failures. */
  completed = 0;
  failed = 0;
  #failures = 0;
  #warmingUp = true;
  readonly #tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
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
    this.completed = 0;
    this.failed = 0;
  }

  fail(code: string, message: string): void {
    this.#failures += 1;
    this.failuresByCode[code] = (this.failuresByCode[code] ?? 0) + 1;
    if (HANG_CODES.has(code)) this.hangs += 1;
    if (this.#failures <= MESSAGES_TOLD)
      this.#tell(`${this.#warmingUp ? 'Warm-up loop' : 'Loop'} ${this.loops + 1}: ${code}: ${message}`);
    if (this.#failures === MESSAGES_TOLD) this.#tell('Further failures are only counted.');
  }

  /** Runs an operation and records its duration or failure; undefined if it failed. */
  async measure<Result>(name: OperationName, operation: () => Promise<Result>): Promise<Result | undefined> {
    const start = performance.now();
    try {
      const result = await operation();
      this.latencies[name].add(performance.now() - start);
      return result;
    } catch (error) {
      this.fail(codeOf(error), error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}

function newLatencies(): Record<OperationName, Latencies> {
  return { attach: new Latencies(), detach: new Latencies() };
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
