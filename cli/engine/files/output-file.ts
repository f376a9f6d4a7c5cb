import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  createWriteStream,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  type WriteStream,
} from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { statsOf } from './named-files.js';
import { isNamedPipe, pipeToWrite } from './named-pipes.js';

/** What a verb writes its data to. */
export interface Output {
  /** Its errors are those of its writes. */
  readonly stream: Writable;
  /** Ends it when all is written. */
  complete(): Promise<void>;
  /** Closes it, whether it is complete or not. */
  close(): void;
}

/** Opens what an option names. @param signal ends the wait for the reader of a pipe */
export async function openOutput(path: string, signal: AbortSignal): Promise<Output> {
  if (isNamedPipe(path)) return new OutputPipe(await pipeToWrite(path, signal));
  const file = new OutputFile(path);
  try {
    await file.opened();
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

class OutputPipe implements Output {
  constructor(readonly stream: Writable) {
    stream.on('error', () => {});
  }

  async complete(): Promise<void> {
    const ended = finished(this.stream);
    this.stream.end();
    await ended;
  }

  close(): void {
    this.stream.destroy();
  }
}

/**
 * A file that is there when all of it is written: until then its data is in a file beside it, so that a failure leaves what was there
 * before. Devices are written directly.
 */
class OutputFile implements Output {
  readonly stream: WriteStream;
  readonly #path: string;
  readonly #part: string | undefined;
  /** The file that was there before. */
  readonly #replaced: Stats | undefined;
  readonly #remove = () => this.#part !== undefined && rmSync(this.#part, { force: true });

  constructor(path: string) {
    const stats = statsOf(path);
    const direct = stats !== undefined && !stats.isFile();
    this.#replaced = direct ? undefined : stats;
    // A link stays a link.
    this.#path = stats ? realpathSync(path) : path;
    this.#part = direct ? undefined : `${this.#path}.${process.pid}.part`;
    this.stream = createWriteStream(this.#part ?? path, { mode: this.#replaced?.mode ?? 0o666 });
    this.stream.on('error', () => {});
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
    if (this.#part === undefined) return;
    if (this.#replaced) copyOwnership(this.#part, this.#replaced);
    renameSync(this.#part, this.#path);
  }

  /** Closes the file, and removes it if it is not complete. */
  close(): void {
    this.stream.destroy();
    this.#remove();
    process.off('exit', this.#remove);
  }
}

/**
 * Gives a file the owner, the group and the permissions of another one, as far as this user may: only root may give files away, and some
 * file systems have none of these.
 */
function copyOwnership(path: string, { uid, gid, mode }: Stats): void {
  const sameGroup = succeeds(() => chownSync(path, uid, gid)) || succeeds(() => chownSync(path, -1, gid));
  // The permissions of the other file's group are not given to another group.
  succeeds(() => chmodSync(path, mode & (sameGroup ? 0o777 : 0o707)));
}

function succeeds(change: () => void): boolean {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}
