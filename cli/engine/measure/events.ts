// The events that a report lists.

/** Something worth a line in a report. */
export interface RunEvent {
  /** Milliseconds since the measured part of the run began; negative before it. */
  readonly atMs: number;
  readonly text: string;
}

/** The most events: after these a reader has seen enough. */
const maxEvents = 500;

/** Notes events, as many as a reader can take. */
export class Events {
  readonly #list: RunEvent[] = [];
  #begun = performance.now();

  /** Notes that the measured part begins now. */
  begin(): void {
    const now = performance.now();
    const before = now - this.#begun;
    this.#list.splice(0, Infinity, ...this.#list.map(({ atMs, text }) => ({ atMs: atMs - before, text })));
    this.#begun = now;
  }

  add(text: string): void {
    if (this.#list.length < maxEvents) this.#list.push({ atMs: performance.now() - this.#begun, text });
    else if (this.#list.length === maxEvents)
      this.#list.push({ atMs: performance.now() - this.#begun, text: '…' });
  }

  list(): RunEvent[] {
    return this.#list.map(({ atMs, text }) => ({ atMs: Math.round(atMs), text }));
  }
}
