import type { Readable } from 'node:stream';

/** The data of a stream in pieces of one size (except the last), up to a total limit. */
export class Chunks implements AsyncIterable<Buffer> {
  constructor(
    private readonly input: Readable,
    private readonly bytes: number,
    private readonly limit: number,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    let gathered: Buffer[] = [];
    let size = 0;
    let left = this.limit;
    for await (const data of this.input as AsyncIterable<Buffer>) {
      let rest = data.subarray(0, Math.min(data.length, left));
      left -= rest.length;
      while (rest.length > 0) {
        const part = rest.subarray(0, this.bytes - size);
        gathered.push(part);
        size += part.length;
        rest = rest.subarray(part.length);
        if (size < this.bytes) continue;
        yield join(gathered);
        gathered = [];
        size = 0;
      }
      if (left === 0) break;
    }
    if (size > 0) yield join(gathered);
  }
}

function join(parts: Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}
