/** A part of the disk. Its content follows from the number of the write that made it. */
export const partBytes = 4_096;
export const partsPerArea = 128;

const wordBytes = 4;

/**
 * The expected content of a controller's area of the disk. A write that did not succeed may have been carried out, or
 * may be while its controller is still attached. Its part is not used until the detach, and may have either content
 * afterwards.
 */
export class Ledger {
  readonly #area: number;
  /** For each part, the writes of which one may be the last. 0 stands for the content before the run. */
  readonly #possible: Set<number>[] = Array.from({ length: partsPerArea }, () => new Set([0]));
  readonly #busy = new Set<number>();
  readonly #uncertain = new Set<number>();
  #writes = 0;

  /** @param area distinguishes the areas' contents */
  constructor(area: number) {
    this.#area = area;
  }

  /** Takes a free part for an operation, searching from a place on; undefined if all are taken. */
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

  /** Notes that a write failed or was cancelled: it may have been carried out, or may be later. */
  mayHaveWritten(part: number, write: number): void {
    this.#possible[part]?.add(write);
    this.#busy.delete(part);
    this.#uncertain.add(part);
  }

  /** Takes back a part that was not changed. */
  give(part: number): void {
    this.#busy.delete(part);
  }

  /** Notes that the controller is detached, so that none of its writes can be carried out any more. */
  detached(): void {
    this.#uncertain.clear();
  }

  /** Compares what was read of a part: returns what is wrong, or undefined. From then on its content is known. */
  check(part: number, bytes: Buffer): string | undefined {
    const possible = this.#possible[part] ?? new Set();
    const write = bytes.readUInt32LE(2 * wordBytes);
    if (possible.has(write) && this.#is(bytes, part, write)) {
      this.#possible[part] = new Set([write]);
      return undefined;
    }
    // The content before the run may be anything, also a write of an earlier run.
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

/** Fills a part. Each word depends on area, part, write and place, so that no block can be mistaken for another. */
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
