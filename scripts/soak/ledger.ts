/** A piece of the disk whose content is known by the number of the write that made it. */
export const slotBytes = 4_096;
export const slotsPerArea = 128;

const wordBytes = 4;

/**
 * What a controller's area of the disk must contain. A write that did not succeed may have happened, or happen while
 * its controller is attached still: its slot is left alone until then, and afterwards may have one content or another.
 */
export class Ledger {
  readonly #area: number;
  /** By slot: the writes that may have been its last. 0 stands for whatever was there before. */
  readonly #possible: Set<number>[] = Array.from({ length: slotsPerArea }, () => new Set([0]));
  readonly #busy = new Set<number>();
  readonly #uncertain = new Set<number>();
  #writes = 0;

  /** @param area distinguishes the areas' contents */
  constructor(area: number) {
    this.#area = area;
  }

  /** Takes a slot for an operation, from a place on; undefined when all are taken. */
  take(from: number): number | undefined {
    for (let i = 0; i < slotsPerArea; i++) {
      const slot = (from + i) % slotsPerArea;
      if (this.#busy.has(slot) || this.#uncertain.has(slot)) continue;
      this.#busy.add(slot);
      return slot;
    }
    return undefined;
  }

  /** The number and the content of a new write. */
  content(slot: number): { write: number; bytes: Buffer } {
    this.#writes += 1;
    const bytes = Buffer.alloc(slotBytes);
    fill(bytes, this.#area, slot, this.#writes);
    return { write: this.#writes, bytes };
  }

  wrote(slot: number, write: number): void {
    this.#possible[slot] = new Set([write]);
    this.#busy.delete(slot);
  }

  /** Notes that a write failed or was cancelled: it may have happened, or happen yet. */
  mayHaveWritten(slot: number, write: number): void {
    this.#possible[slot]?.add(write);
    this.#busy.delete(slot);
    this.#uncertain.add(slot);
  }

  /** Takes back a slot that was not changed. */
  give(slot: number): void {
    this.#busy.delete(slot);
  }

  /** Notes that the controller is gone, and with it everything that could still write. */
  detached(): void {
    this.#uncertain.clear();
  }

  /** What is wrong with what was read of a slot; undefined if nothing. From then on the content is certain. */
  check(slot: number, bytes: Buffer): string | undefined {
    const possible = this.#possible[slot] ?? new Set();
    const write = bytes.readUInt32LE(2 * wordBytes);
    if (possible.has(write) && this.#is(bytes, slot, write)) {
      this.#possible[slot] = new Set([write]);
      return undefined;
    }
    // What was there before may be anything, a write of an earlier run too.
    if (possible.has(0)) return undefined;
    const found = this.#is(bytes, slot, write) ? `write ${write}` : 'nothing that was written whole';
    return `slot ${slot} of area ${this.#area} has ${found} instead of ${[...possible].join(' or ')}`;
  }

  #is(bytes: Buffer, slot: number, write: number): boolean {
    const expected = Buffer.alloc(slotBytes);
    fill(expected, this.#area, slot, write);
    return expected.equals(bytes);
  }
}

/** Fills a slot. Every word depends on area, slot, write and place, so that no block can pass for another. */
function fill(bytes: Buffer, area: number, slot: number, write: number): void {
  bytes.writeUInt32LE(area, 0);
  bytes.writeUInt32LE(slot, wordBytes);
  bytes.writeUInt32LE(write, 2 * wordBytes);
  let state = (Math.imul(area + 1, 0x9e3779b1) ^ Math.imul(slot + 1, 0x85ebca6b) ^ write) >>> 0;
  for (let at = 3 * wordBytes; at < bytes.length; at += wordBytes) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + at) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
}
