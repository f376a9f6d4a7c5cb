// The end of the command's output in a stream that goes on.

import { Transform, type TransformCallback } from 'node:stream';

/**
 * Passes a stream on until a mark that ends it. Only bytes that may be the start of the mark are held back, so that a
 * prompt without a line end is passed on immediately.
 */
export class UntilMark extends Transform {
  readonly #mark: Buffer;
  #held: Buffer = Buffer.alloc(0);
  #found = false;

  constructor(mark: string) {
    super();
    this.#mark = Buffer.from(mark);
  }

  /** Whether the mark was found, so that the output is complete. */
  get found(): boolean {
    return this.#found;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (this.#found) {
      callback();
      return;
    }
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const at = data.indexOf(this.#mark);
    if (at >= 0) {
      this.#found = true;
      this.#held = Buffer.alloc(0);
      if (at > 0) this.push(data.subarray(0, at));
      this.push(null);
      callback();
      return;
    }
    const hold = heldBack(data, this.#mark);
    this.#held = data.subarray(data.length - hold);
    if (hold < data.length) this.push(data.subarray(0, data.length - hold));
    callback();
  }

  override _flush(callback: TransformCallback): void {
    if (!this.#found && this.#held.length > 0) this.push(this.#held);
    callback();
  }
}

/** Length of the longest end of `data` that begins `mark`. */
function heldBack(data: Buffer, mark: Buffer): number {
  for (let length = Math.min(data.length, mark.length - 1); length > 0; length--) {
    if (data.subarray(data.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
