import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Controller, SpdkError } from '../../../lib/index.js';

/** After an operation that failed, so that a load on a controller that rejects everything leaves others some time. */
const pauseMs = 20;

/** Reads from a controller without a pause, so many at a time, and keeps count of how each ended. */
export class Load {
  readonly #workers: Promise<void>[];
  readonly #block: number;
  #stopped = false;
  /** The number of operations that were started, and of those that have ended; each ends once. */
  begun = 0;
  ended = 0;
  /** How operations failed. */
  readonly codes = new Map<string, number>();
  #lastOk = performance.now();
  /** The longest time between two successes, or since the last one. */
  #longestGapMs = 0;

  /** @param depth operations at a time; beyond the controller's queues they wait in this process */
  constructor(
    readonly controller: Controller,
    { depth = 32, blocks = 8 } = {},
  ) {
    const [namespace] = controller.namespaces;
    if (!namespace) throw new Error('the controller has no namespace');
    this.#block = blocks * namespace.blockSize;
    this.#workers = Array.from({ length: depth }, (_, i) => this.#work(i));
  }

  get ok(): number {
    const failed = [...this.codes.values()].reduce((sum, count) => sum + count, 0);
    return this.ended - failed;
  }

  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, performance.now() - this.#lastOk);
  }

  /** Forgets the gaps until now. */
  resetGap(): void {
    this.#longestGapMs = 0;
    this.#lastOk = performance.now();
  }

  /** Resolves after that many further successes. */
  async progress(count = 1): Promise<void> {
    const goal = this.ok + count;
    while (this.ok < goal) await sleep(5);
  }

  /** Starts no further operations. */
  stop(): void {
    this.#stopped = true;
  }

  /** Starts no further operations, and expects that every operation ends within a time. */
  async expectAllEnd(limitMs: number): Promise<void> {
    this.stop();
    await Promise.race([Promise.all(this.#workers), sleep(limitMs, undefined, { ref: false })]);
    expect(this.ended).toBe(this.begun);
  }

  async #work(index: number): Promise<void> {
    const buffer = Buffer.alloc(this.#block);
    while (!this.#stopped) {
      this.begun++;
      const code = await this.#read(buffer, index * this.#block);
      this.ended++;
      if (code === undefined) {
        const now = performance.now();
        this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastOk);
        this.#lastOk = now;
      } else {
        this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
        await sleep(pauseMs);
      }
    }
  }

  async #read(buffer: Buffer, offset: number): Promise<string | undefined> {
    const [namespace] = this.controller.namespaces;
    try {
      // A namespace can be gone while a test removes it.
      if (!namespace) return 'no namespace';
      await namespace.read(buffer, { offset });
      return undefined;
    } catch (error) {
      return (error as SpdkError).code;
    }
  }
}

/** A controller that must continue to work while another one fails. */
export class Bystander {
  readonly #load: Load;

  constructor(controller: Controller) {
    this.#load = new Load(controller, { depth: 1 });
  }

  /** Expects that it has worked all the time, and still does, without a gap of `limitMs`; and stops it. */
  async expectUndisturbed(limitMs: number): Promise<void> {
    await this.#load.progress();
    expect(this.#load.controller.state).toBe('attached');
    expect(this.#load.codes).toEqual(new Map());
    expect(this.#load.longestGapMs).toBeLessThan(limitMs);
    await this.#load.expectAllEnd(limitMs);
  }
}
