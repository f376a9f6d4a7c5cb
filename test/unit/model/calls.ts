import { SpdkError, SpdkTypeError } from '../../../lib/index.js';

/** What timers and the simulated addon's messages may add to a deadline, in milliseconds. */
const slackMs = 20;

interface Call {
  readonly name: string;
  readonly begun: number;
  readonly limitMs: number;
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
    this.#problems.push(what);
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
    const call: Call = { name, begun: performance.now(), limitMs };
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
