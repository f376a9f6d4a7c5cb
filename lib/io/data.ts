// The caller's data of one operation, and copying parts of it from and to the memory that controllers reach.

// A subclass, or a property of the buffer itself, may report a wrong length or place, and the caller's code must not
// get access to memory that others use, too. So only the built-in accessors and methods are called.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
const builtIn = (name: 'buffer' | 'byteOffset' | 'byteLength') =>
  Function.prototype.call.bind(Object.getOwnPropertyDescriptor(typedArray, name)?.get as () => unknown);
const bufferOf = builtIn('buffer') as (data: Uint8Array) => ArrayBufferLike;
const offsetOf = builtIn('byteOffset') as (data: Uint8Array) => number;
const lengthOf = builtIn('byteLength') as (data: Uint8Array) => number;
const setIn = Function.prototype.call.bind(typedArray.set) as unknown as (
  data: Uint8Array,
  from: Uint8Array,
  at: number,
) => void;

/** A part of a buffer. Throws a RangeError if the buffer has no such part, or no longer has it. */
function partOf(data: Uint8Array, at: number, length: number): Uint8Array {
  if (at === 0 && length === lengthOf(data)) return data;
  if (at + length > lengthOf(data)) throw new RangeError('The buffer is shorter than its byteLength');
  return new Uint8Array(bufferOf(data), offsetOf(data) + at, length);
}

/** Data that is in several places, and is one run of bytes for a command. */
export abstract class Composite {
  abstract readonly byteLength: number;
  abstract gather(at: number, length: number, memory: Uint8Array, offset: number): void;
  abstract scatter(at: number, length: number, memory: Uint8Array, offset: number): void;
}

/** Several buffers as one run of bytes. Their lengths are taken now: a buffer that is detached or shrunk later has others. */
export class Pieces extends Composite {
  readonly parts: readonly Uint8Array[];
  /** Where each part begins. */
  readonly #starts: readonly number[];
  readonly byteLength: number;

  constructor(parts: readonly Uint8Array[]) {
    super();
    let total = 0;
    this.parts = parts;
    this.#starts = parts.map((part) => {
      const start = total;
      total += part.byteLength;
      return start;
    });
    this.byteLength = total;
  }

  override gather(at: number, length: number, memory: Uint8Array, offset: number): void {
    this.#each(at, length, (part, from, to, size) => {
      memory.set(partOf(part, from, size), offset + to);
    });
  }

  override scatter(at: number, length: number, memory: Uint8Array, offset: number): void {
    this.#each(at, length, (part, from, to, size) => {
      setIn(part, memory.subarray(offset + to, offset + to + size), from);
    });
  }

  /** Calls `copy` for each part of a range: with the part, where in it, where in the range, and how much. */
  #each(
    at: number,
    length: number,
    copy: (part: Uint8Array, from: number, to: number, length: number) => void,
  ): void {
    let index = this.#find(at);
    for (let done = 0; done < length; index++) {
      const start = this.#starts[index] as number;
      const end = this.#starts[index + 1] ?? this.byteLength;
      const from = at + done - start;
      const size = Math.min(end - start - from, length - done);
      copy(this.parts[index] as Uint8Array, from, done, size);
      done += size;
    }
  }

  /** The last part that begins at `at` or before. */
  #find(at: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] as number) <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

export type IoData = Uint8Array | Composite;

/** Copies a range of the data to memory. Throws a RangeError if the data no longer exists. */
export function gather(data: IoData, at: number, length: number, memory: Uint8Array, offset: number): void {
  if (data instanceof Composite) data.gather(at, length, memory, offset);
  else memory.set(partOf(data, at, length), offset);
}

/**
 * Copies memory to a range of the data. Throws a RangeError if that no longer exists, and an SpdkError if the data may not be had.
 */
export function scatter(data: IoData, at: number, length: number, memory: Uint8Array, offset: number): void {
  if (data instanceof Composite) data.scatter(at, length, memory, offset);
  else setIn(data, memory.subarray(offset, offset + length), at);
}
