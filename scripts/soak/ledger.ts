/** A piece of the disk whose content is known by the number of the write that made it. */
export const partBytes = 4_096;
export const partsPerArea = 128;

const wordBytes = 4;

/**
 * What a controller's area of the disk must contain. A write that did not succeed may have happened, or happen while
 * its controller is attached still: its part is left alone until then, and afterwards may have one content or another.
 */
export class Ledger {
  readonly #area: number;
  /** By part: the writes that may have been its last. 0 stands for whatever was there before. */
  readonly #possible: Set<number>[] = Array.from({ length: partsPerArea }, () => new Set([0]));
  readonly #busy = new Set<number>();
  readonly #uncertain = new Set<number>();
  #writes = 0;

  /** @param area distinguishes the areas' contents */
  constructor(area: number) {
    this.#area = area;
  }

  /** Takes a part for an operation, from a place on; undefined when all are taken. */
  take(from: number): number | undefined {
    for (let i = 0; i < partsPerArea; i++) {
      const part = (from + i) % partsPerArea;
      if (this.#busy.has(part) || this.#uncertain.has(part)) continue;
      this.#busy.add(part);
      return part;
    }
    return undefined;
  }

  /** The number and the content of a new write. */
  content(part: number): { write: number; bytes: Buffer } {
    this.#writes += 1;
    const bytes = Buffer.alloc(partBytes);
    fill(bytes, this.#area, part, this.#writes);
    return { write: this.#writes, bytes };
  }

  wrote(part: number, write: number): void {
    this.#possible[part] = new Set([write]);
    this.#busy.delete(part);
  }

  /** Notes that a write failed or was cancelled: it may have happened, or happen yet. */
  mayHaveWritten(part: number, write: number): void {
    this.#possible[part]?.add(write);
    this.#busy.delete(part);
    this.#uncertain.add(part);
  }

  /** Takes back a part that was not changed. */
  give(part: number): void {
    this.#busy.delete(part);
  }

  /** Notes that the controller is gone, and with it everything that could still write. */
  detached(): void {
    this.#uncertain.clear();
  }

  /** What is wrong with what was read of a part; undefined if nothing. From then on the content is certain. */
  check(part: number, bytes: Buffer): string | undefined {
    const possible = this.#possible[part] ?? new Set();
    const write = bytes.readUInt32LE(2 * wordBytes);
    if (possible.has(write) && this.#is(bytes, part, write)) {
      this.#possible[part] = new Set([write]);
      return undefined;
    }
    // What was there before may be anything, a write of an earlier run too.
    if (possible.has(0)) return undefined;
    const found = this.#is(bytes, part, write) ? `write ${write}` : 'nothing that was written whole';
    return `part ${part} of area ${this.#area} has ${found} instead of ${[...possible].join(' or ')}`;
  }

  #is(bytes: Buffer, part: number, write: number): boolean {
    const expected = Buffer.alloc(partBytes);
    fill(expected, this.#area, part, write);
    return expected.equals(bytes);
  }
}

/** Fills a part. Every word depends on area, part, write and place, so that no block can pass for another. */
function fill(bytes: Buffer, area: number, part: number, write: number): void {
  bytes.writeUInt32LE(area, 0);
  bytes.writeUInt32LE(part, wordBytes);
  bytes.writeUInt32LE(write, 2 * wordBytes);
  let state = (Math.imul(area + 1, 0x9e3779b1) ^ Math.imul(part + 1, 0x85ebca6b) ^ write) >>> 0;
  for (let at = 3 * wordBytes; at < bytes.length; at += wordBytes) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + at) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
}
