// The caller's data of one operation, and copying parts of it from and to the memory that controllers reach.

/** Several buffers as one run of bytes. Their lengths are those of now: a buffer that is detached or shrunk later has others. */
export class Pieces {
  readonly parts: readonly Uint8Array[];
  /** Where each part begins. */
  readonly #starts: readonly number[];
  readonly byteLength: number;

  constructor(parts: readonly Uint8Array[]) {
    let total = 0;
    this.parts = parts;
    this.#starts = parts.map((part) => {
      const start = total;
      total += part.byteLength;
      return start;
    });
    this.byteLength = total;
  }

  /** Calls `copy` for each part of a range: with the part, where in it, where in the range, and how much. */
  each(
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

export type IoData = Uint8Array | Pieces;

/** Copies a range of the data to memory. Throws a RangeError when the data is not there any more. */
export function gather(data: IoData, at: number, length: number, memory: Uint8Array, offset: number): void {
  if (data instanceof Pieces) {
    data.each(at, length, (part, from, to, size) => {
      memory.set(part.subarray(from, from + size), offset + to);
    });
  } else {
    memory.set(at === 0 && length === data.byteLength ? data : data.subarray(at, at + length), offset);
  }
}

/** Copies memory to a range of the data. Throws a RangeError when that is not there any more. */
export function scatter(data: IoData, at: number, length: number, memory: Uint8Array, offset: number): void {
  if (data instanceof Pieces) {
    data.each(at, length, (part, from, to, size) => {
      part.set(memory.subarray(offset + to, offset + to + size), from);
    });
  } else {
    data.set(memory.subarray(offset, offset + length), at);
  }
}
