// The reasons to end a run early: signals, an AbortSignal, and time limits.

import { constants } from 'node:os';

/** Why a run has to end early. */
export interface StopRequest {
  /** Signal for the command, without SIG. */
  readonly signal: 'INT' | 'TERM' | 'HUP';
  /** Status of the run if the command does not end by itself in time. */
  readonly status: number;
  /** Whether the status applies even if the command ends by itself, as in timeout(1). */
  readonly always?: boolean;
}

/** One Ctrl-C can arrive several times: from the terminal and from each parent that passes it on. */
const SAME_REQUEST_MS = 500;
const SIGNALS = ['INT', 'TERM', 'HUP'] as const;

export function signalStatus(name: string): number {
  return 128 + (constants.signals[`SIG${name}` as NodeJS.Signals] ?? 0);
}

/**
 * Collects requests to stop from signals to this process, an AbortSignal and timers, from its creation to
 * its disposal.
 */
export class StopRequests {
  readonly #listeners = new Set<(request: StopRequest) => void>();
  readonly #undo: (() => void)[] = [];
  #first: StopRequest | undefined;
  #lastAt = 0;

  constructor(abort?: AbortSignal) {
    for (const signal of SIGNALS) {
      const handler = () => this.request({ signal, status: signalStatus(signal) });
      process.on(`SIG${signal}`, handler);
      this.#undo.push(() => process.off(`SIG${signal}`, handler));
    }
    if (abort) {
      const handler = () => this.request({ signal: 'TERM', status: signalStatus('TERM') });
      if (abort.aborted) handler();
      abort.addEventListener('abort', handler);
      this.#undo.push(() => abort.removeEventListener('abort', handler));
    }
  }

  get first(): StopRequest | undefined {
    return this.#first;
  }

  request(request: StopRequest): void {
    const now = performance.now();
    if (this.#first && now - this.#lastAt < SAME_REQUEST_MS) return;
    this.#first ??= request;
    this.#lastAt = now;
    for (const listener of this.#listeners) listener(request);
  }

  /** Calls back for every request, including earlier ones. */
  each(listener: (request: StopRequest) => void): void {
    this.#listeners.add(listener);
    if (this.#first) listener(this.#first);
  }

  dispose(): void {
    for (const undo of this.#undo) undo();
    this.#listeners.clear();
  }
}
