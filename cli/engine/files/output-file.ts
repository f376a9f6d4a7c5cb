import { once } from 'node:events';
import { createWriteStream, realpathSync, renameSync, rmSync, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { statsOf } from './named-files.js';

/**
 * A file that is there when all of it is written: until then its data is in a file beside it, so that a failure leaves what was there
 * before. Devices and pipes are written directly.
 */
export class OutputFile {
  readonly stream: WriteStream;
  readonly #path: string;
  readonly #part: string | undefined;
  readonly #remove = () => this.#part !== undefined && rmSync(this.#part, { force: true });

  constructor(path: string) {
    const stats = statsOf(path);
    const direct = stats !== undefined && !stats.isFile();
    // A link stays a link.
    this.#path = stats ? realpathSync(path) : path;
    this.#part = direct ? undefined : `${this.#path}.${process.pid}.part`;
    this.stream = createWriteStream(this.#part ?? path, { mode: stats && !direct ? stats.mode : 0o666 });
    // A signal may end the process while the stream waits for its disk.
    if (this.#part !== undefined) process.on('exit', this.#remove);
  }

  /** Waits until the file can be written. */
  async opened(): Promise<void> {
    if (this.stream.pending) await once(this.stream, 'open');
  }

  /** Gives the file its name, when all is written. */
  async complete(): Promise<void> {
    const ended = finished(this.stream);
    this.stream.end();
    await ended;
    if (this.#part !== undefined) renameSync(this.#part, this.#path);
  }

  /** Closes the file, and removes it if it is not complete. */
  close(): void {
    this.stream.destroy();
    this.#remove();
    process.off('exit', this.#remove);
  }
}
