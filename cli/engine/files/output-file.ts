import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  createWriteStream,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  type WriteStream,
} from 'node:fs';
import path from 'node:path';
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
export async function openOutput(name: string, signal: AbortSignal): Promise<Output> {
  if (isNamedPipe(name)) return new OutputPipe(await pipeToWrite(name, signal));
  const file = new OutputFile(name);
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
 * before. Devices are written directly, and so are files that no other can replace.
 */
class OutputFile implements Output {
  readonly stream: WriteStream;
  readonly #path: string;
  readonly #part: string | undefined;
  /** The file that was there before. */
  readonly #replaced: Stats | undefined;
  readonly #remove = () => this.#part !== undefined && rmSync(this.#part, { force: true });

  constructor(name: string) {
    const stats = statsOf(name);
    // A link stays a link.
    this.#path = stats ? realpathSync(name) : name;
    const direct = stats !== undefined && !(stats.isFile() && canReplace(this.#path, stats));
    this.#replaced = direct ? undefined : stats;
    // Not a name that another user could foresee, and put a link to some other file there.
    this.#part = direct ? undefined : path.join(path.dirname(this.#path), `.${randomUUID()}.part`);
    const flags = direct ? 'w' : 'wx';
    this.stream = createWriteStream(this.#part ?? name, { flags, mode: this.#replaced?.mode ?? 0o666 });
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
 * Whether another file can take the place of this one. That needs the right to change the folder. This user may have a right to the file alone.
 * Where a file is mounted by itself, as into a container, there can be no other.
 */
function canReplace(file: string, { uid }: Stats): boolean {
  const folder = path.dirname(file);
  const user = process.getuid?.();
  const { mode, uid: owner } = statSync(folder);
  const ofOthers = (mode & sticky) !== 0 && user !== 0 && user !== uid && user !== owner;
  return !ofOthers && succeeds(() => accessSync(folder, constants.W_OK)) && !isMounted(file);
}

/** In such a folder only the owner of a file may replace it. */
const sticky = 0o1000;

function isMounted(file: string): boolean {
  let mounts = '';
  succeeds(() => {
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  });
  const unescaped = (text = '') =>
    text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
  return mounts.split('\n').some((line) => unescaped(line.split(' ')[4]) === file);
}

/**
 * Gives a file the owner, the group and the permissions of another one, as far as this user may: only root may give files away, and some
 * file systems have none of these.
 */
function copyOwnership(file: string, { uid, gid, mode }: Stats): void {
  const sameGroup = succeeds(() => chownSync(file, uid, gid)) || succeeds(() => chownSync(file, -1, gid));
  // The permissions of the other file's group are not given to another group.
  succeeds(() => chmodSync(file, mode & (sameGroup ? 0o777 : 0o707)));
}

function succeeds(change: () => void): boolean {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}
