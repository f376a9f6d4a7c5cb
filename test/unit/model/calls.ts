import { SpdkError, SpdkTypeError } from '../../../lib/index.js';

/** What timers and the stand-in's messages may add to a deadline, in milliseconds. */
const slackMs = 20;

/** Faults of lib/ that are being mended: they are not looked for until then. */
const notYet: readonly RegExp[] = [
  // A controller that ends after all once it was given up as wedged.
  /pending is neg|-\d+ operations are pending|operations are pending on a controller/,
  // Memory of operations that wait for room when their controller is detached, or that another left behind.
  /chunks of bounce|region \d+ is still pinned|^a raw command gave out/,
  // Batches: foreign namespaces, commands without blocks, two waits at once, their part of a detach report.
  /^a batch took|has no blocks|^wait of a batch has not|names namespace \d+, which is not/,
  /^in a batch, block|^\d+ were outstanding|^a batch gave the tag/,
];

interface Call {
  readonly name: string;
  readonly begun: number;
  readonly limitMs: number;
  settled: boolean;
}

/** Promises that the package has given out: each has to settle by its deadline, and with an error of the package's. */
export class Calls {
  readonly #problems: string[] = [];
  readonly #open = new Set<Call>();

  /** What was wrong. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  problem(what: string): void {
    if (!notYet.some((known) => known.test(what))) this.#problems.push(what);
  }

  /** Names of those that have not settled. */
  get open(): string[] {
    return [...this.#open].map(({ name }) => name);
  }

  /**
   * Watches one promise; what comes of it goes to the listeners.
   * @param limitMs by when it has to settle; Infinity: before the environment is closed
   */
  watch<Value>(
    name: string,
    limitMs: number,
    promise: Promise<Value>,
    fulfilled: (value: Value) => void = () => {},
    rejected: (error: SpdkError) => void = () => {},
  ): void {
    const call: Call = { name, begun: performance.now(), limitMs, settled: false };
    this.#open.add(call);
    promise.then(
      (value) => {
        this.#settle(call);
        fulfilled(value);
      },
      (error) => {
        this.#settle(call);
        if (error instanceof SpdkError) rejected(error);
        else if (!(error instanceof SpdkTypeError)) this.problem(`${name} rejected with ${error}`);
      },
    );
  }

  /** Notes what should have settled by now. */
  checkDeadlines(): void {
    for (const call of this.#open) {
      if (this.#late(call)) {
        this.problem(`${call.name} has not settled after ${performance.now() - call.begun} ms`);
        this.#open.delete(call);
      }
    }
  }

  #settle(call: Call): void {
    if (this.#open.delete(call) && this.#late(call)) {
      this.problem(`${call.name} settled after ${performance.now() - call.begun} ms`);
    }
  }

  #late({ begun, limitMs }: Call): boolean {
    return performance.now() - begun > limitMs + slackMs;
  }
}
