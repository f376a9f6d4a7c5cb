// What `perf --verify` writes, and what it expects to read.
//
// Each 512 bytes have where they belong, which write of which run they are from, and numbers that follow from these. The table has the
// latest write of each unit, so that a write that was reported as done and is not there shows, too.

const sectorWords = 512 / 4;
const headerWords = 4;
const sequenceWord = 2;
/** The write of a unit that failed: the data of before or after it is right. */
const unknown = 0xffff_ffff;
/** The table of the units takes 5 bytes each. */
export const maxUnits = 2 ** 28;

/** Where the units are. */
interface Layout {
  readonly offset: number;
  readonly ioSize: number;
}

/** Data that is not what was written. */
export interface Mismatch {
  readonly offset: number;
  /** Whether it is what an earlier write of this run wrote there. */
  readonly stale: boolean;
}

/** The state of the units of a run, each as long as one operation. */
export class Verifier {
  readonly #run = Math.floor(Math.random() * 2 ** 32);
  readonly #plan: Layout;
  /** The sequence number of the latest write; 0: that before the run. */
  readonly #latest: Uint32Array;
  readonly #busy: Uint8Array;
  #sequence = 0;

  constructor(plan: Layout, units: number) {
    this.#plan = plan;
    this.#latest = new Uint32Array(units);
    this.#busy = new Uint8Array(units);
  }

  /**
   * Takes a unit that has no operation, beginning with one of a part of them: two operations on one unit would leave
   * unknown data.
   */
  take(first: number, count: number, from: number): number {
    for (let i = 0; i < count; i++) {
      const unit = first + ((from + i) % count);
      if (this.#busy[unit] === 1) continue;
      this.#busy[unit] = 1;
      return unit;
    }
    throw new RangeError('every unit has an operation');
  }

  release(unit: number): void {
    this.#busy[unit] = 0;
  }

  /** Fills memory with the next write of a unit. */
  stamp(words: Uint32Array, unit: number): void {
    this.#sequence = (this.#sequence + 1) % unknown || 1;
    this.#fill(words, unit, this.#sequence);
  }

  /** Fills memory with the first write of some units. */
  stampFirst(words: Uint32Array, unit: number): void {
    this.#fill(words, unit, 0);
  }

  /** The write of what {@link stamp} filled has ended. */
  written(words: Uint32Array, unit: number, done: boolean): void {
    this.#latest[unit] = done ? (words[sequenceWord] as number) : unknown;
  }

  /** Compares all of what was read from a unit with its latest write. */
  check(words: Uint32Array, unit: number): Mismatch | undefined {
    const latest = this.#latest[unit] as number;
    if (latest === unknown) return undefined;
    let offset = this.#offsetOf(unit);
    for (let at = 0; at < words.length; at += sectorWords, offset += 512) {
      if (same(words, at, offset, latest, this.#run)) continue;
      const found = words[at + sequenceWord] as number;
      return { offset, stale: same(words, at, offset, found, this.#run) };
    }
    return undefined;
  }

  #fill(words: Uint32Array, unit: number, sequence: number): void {
    let offset = this.#offsetOf(unit);
    for (let at = 0; at < words.length; at += sectorWords, offset += 512) {
      words[at] = offset;
      words[at + 1] = offset / 2 ** 32;
      words[at + sequenceWord] = sequence;
      words[at + 3] = this.#run;
      let value = seed(offset, sequence, this.#run);
      for (let i = headerWords; i < sectorWords; i++) {
        value = next(value);
        words[at + i] = value;
      }
    }
  }

  #offsetOf(unit: number): number {
    return this.#plan.offset + unit * this.#plan.ioSize;
  }
}

function same(words: Uint32Array, at: number, offset: number, sequence: number, run: number): boolean {
  const header =
    words[at] === offset % 2 ** 32 &&
    words[at + 1] === Math.floor(offset / 2 ** 32) &&
    words[at + sequenceWord] === sequence &&
    words[at + 3] === run;
  if (!header) return false;
  let value = seed(offset, sequence, run);
  for (let i = headerWords; i < sectorWords; i++) {
    value = next(value);
    if (words[at + i] !== value >>> 0) return false;
  }
  return true;
}

function seed(offset: number, sequence: number, run: number): number {
  return Math.imul((offset / 512) | 0, 0x9e37_79b1) ^ Math.imul(sequence, 0x85eb_ca6b) ^ run;
}

function next(value: number): number {
  return (Math.imul(value, 1_664_525) + 1_013_904_223) | 0;
}
