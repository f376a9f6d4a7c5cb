import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { NamespaceOperations, SpdkError } from '../../../lib/index.js';

/**
 * Writes and reads without a pause, and checks each block: so many workers, each with a block of its own, which it fills
 * with a number that grows, and reads back.
 */
export class VerifiedLoad {
  readonly #namespace: NamespaceOperations;
  readonly #workers: Promise<void>[];
  #stopped = false;
  #lastOk = performance.now();
  #longestGapMs = 0;
  ok = 0;
  /** Reads that returned wrong data, and the errors of operations that failed. */
  readonly findings: string[] = [];
  /** The number in the block of each worker. */
  readonly #numbers: number[];

  constructor(namespace: NamespaceOperations, { depth = 32, blocks = 8 } = {}) {
    this.#namespace = namespace;
    this.#numbers = new Array<number>(depth).fill(0);
    const bytes = blocks * namespace.blockSize;
    this.#workers = this.#numbers.map((_, i) => this.#work(i, Buffer.alloc(bytes), Buffer.alloc(bytes)));
  }

  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, performance.now() - this.#lastOk);
  }

  /** Forgets the gaps until now. */
  resetGap(): void {
    this.#longestGapMs = 0;
    this.#lastOk = performance.now();
  }

  /** The longest time without a completed operation from something on until I/O has gone on after it. */
  async gapIn(act: () => Promise<unknown>): Promise<number> {
    this.resetGap();
    await act();
    await this.progress(100);
    return this.longestGapMs;
  }

  /** Resolves after that many further operations. */
  async progress(count = 1): Promise<void> {
    for (const goal = this.ok + count; this.ok < goal && this.findings.length === 0; ) await sleep(5);
    expect(this.findings).toEqual([]);
  }

  /** Ends the load, even if it has failed, so that no earlier load writes the blocks of the next one. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  /** Ends the load; expects that no operation failed, and that every block holds what was written last. */
  async expectClean(limitMs: number): Promise<void> {
    this.#stopped = true;
    const ended = Promise.all(this.#workers).then(() => true);
    expect(await Promise.race([ended, sleep(limitMs, false, { ref: false })])).toBe(true);
    expect(this.findings).toEqual([]);
  }

  async #work(index: number, source: Buffer, target: Buffer): Promise<void> {
    const offset = index * source.byteLength;
    try {
      while (!this.#stopped) {
        const number = (this.#numbers[index] as number) + 1;
        source.fill(0);
        for (let at = 0; at < source.byteLength; at += 512) source.writeDoubleLE(index * 1e9 + number, at);
        this.#numbers[index] = number;
        await this.#namespace.write(source, { offset });
        this.#succeeded();
        await this.#namespace.read(target, { offset });
        this.#succeeded();
        if (!target.equals(source)) {
          this.findings.push(`block ${index} holds ${target.readDoubleLE(0) - index * 1e9}, not ${number}`);
        }
      }
    } catch (error) {
      this.findings.push(`${(error as SpdkError).code}: ${(error as SpdkError).message}`);
    }
  }

  #succeeded(): void {
    const now = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastOk);
    this.#lastOk = now;
    this.ok++;
  }
}
