// The signals that stop a verb, and its exit status then.

import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Notes the first signal that stops this process. Further ones are ignored, because one Ctrl-C may arrive
 * twice: from the terminal and from the process that started this one.
 */
export class StopSignal {
  readonly #abort = new AbortController();
  #status = 0;

  constructor() {
    for (const name of SIGNALS) {
      process.on(name, () => {
        this.#status ||= 128 + constants.signals[name];
        this.#abort.abort();
      });
    }
    // The output cannot be read any more; main.ts decides on the exit status.
    process.stdout.once('error', () => this.#abort.abort());
  }

  /** Fires with the signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get requested(): boolean {
    return this.#abort.signal.aborted;
  }

  /** The exit status for the signal, as in shells; 0 without one. */
  get status(): number {
    return this.#status;
  }

  /** Waits for the work, but at most `limitMs` after a signal; undefined if the work has not ended by then. */
  async waitFor<Result>(work: Promise<Result>, limitMs: number): Promise<{ result: Result } | undefined> {
    let timer: NodeJS.Timeout | undefined;
    let onAbort = () => {};
    const late = new Promise<undefined>((resolve) => {
      onAbort = () => {
        timer = setTimeout(() => resolve(undefined), limitMs);
      };
      this.#abort.signal.addEventListener('abort', onAbort);
    });
    if (this.requested) onAbort();
    // The work may fail when no caller waits for it any more.
    work.catch(() => {});
    try {
      return await Promise.race([work.then((result) => ({ result })), late]);
    } finally {
      clearTimeout(timer);
      this.#abort.signal.removeEventListener('abort', onAbort);
    }
  }
}

/**
 * Does work that signals stop. After a signal the status is that of the signal, whatever the work has come to or failed with: what was
 * cancelled may fail in many ways.
 */
export async function untilStopped(work: (stop: StopSignal) => Promise<number>): Promise<number> {
  const stop = new StopSignal();
  try {
    const status = await work(stop);
    return stop.status || status;
  } catch (error) {
    if (stop.requested) return stop.status;
    throw error;
  }
}

/** Leaves signals to the system again: they end the process at once. */
export function endAtSignals(): void {
  for (const name of SIGNALS) {
    process.removeAllListeners(name);
    // One that has arrived already reaches this listener.
    process.on(name, () => {
      process.removeAllListeners(name);
      process.kill(process.pid, name);
    });
  }
}
