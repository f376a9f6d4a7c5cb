import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Passes on the text that is written to it, line by line. */
export class LineReader extends Writable {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    super();
    this.#onLine = onLine;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    done();
  }

  /** Passes on a last line without a line end. */
  flush(): void {
    if (this.#rest) this.#onLine(this.#rest);
    this.#rest = '';
  }
}
