// Data between a namespace and files or pipes.
import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Namespace } from 'spdk-nvme';
import { Chunks } from '../engine/files/chunks.js';
import { isNamedPipe, pipeToRead } from '../engine/files/named-pipes.js';
import { openOutput } from '../engine/files/output-file.js';
import { dataOfStdin, dataToStdout } from '../engine/files/stdio.js';
import { type ByteRange, checkRange } from '../engine/options/range.js';
import { Failure, UsageError } from '../engine/process/exit.js';
import type { Session } from '../engine/target/session.js';
import { transferBar } from '../engine/terminal/transfer-bar.js';

/** The data in the program at a time: large enough for a fast target, small enough for any memory. */
const PIECE = 1 << 20;
const IN_FLIGHT = 4;
const STDIO = '-';

/** What a verb sends. */
export interface Input {
  /** The path; undefined for stdin. */
  readonly file: string | undefined;
  /** Undefined if it is not known before its end. */
  readonly size: number | undefined;
}

/** Whether a name of a file means stdin or stdout. */
export function isStdio(file: string | undefined): file is undefined | '-' {
  return file === undefined || file === STDIO;
}

/** Reads pieces ahead, and writes them in order. @param file undefined for stdout */
export async function receive(
  { limits }: Session,
  namespace: Namespace,
  { offset, length = namespace.bytes - offset }: ByteRange,
  file: string | undefined,
): Promise<void> {
  const output = file === undefined ? undefined : await openOutput(file, limits.signal);
  const stream: Writable = output?.stream ?? dataToStdout();
  const bar = transferBar(length);
  try {
    const ahead: Promise<Buffer>[] = [];
    let asked = 0;
    const ask = () => {
      const piece = Math.min(PIECE, length - asked);
      const read = namespace.read(Buffer.alloc(piece), { offset: offset + asked, ...limits });
      read.catch(() => {});
      ahead.push(read);
      asked += piece;
    };
    for (let written = 0; written < length; ) {
      while (ahead.length < IN_FLIGHT && asked < length) ask();
      const data = await (ahead.shift() as Promise<Buffer>);
      await put(stream, data);
      written += data.length;
      bar.update(written);
    }
    await output?.complete();
  } finally {
    bar.stop();
    output?.close();
  }
}

function open(file: string): Readable {
  return isNamedPipe(file) ? pipeToRead(file) : createReadStream(file, { highWaterMark: PIECE });
}

/** The most blocks of one Write Zeroes command, whose count has 16 bits. */
const maxZeroBlocks = 65_536;

/**
 * Writes zeroes in calls of as many blocks as a command can have, each with the time limit. Where the controller's limit is lower, a call is
 * several commands, which share it.
 */
export async function zero(
  namespace: Namespace,
  { offset, length = 0 }: ByteRange,
  limits: Session['limits'],
): Promise<void> {
  const piece = maxZeroBlocks * namespace.blockSize;
  const bar = transferBar(length);
  let asked = 0;
  let done = 0;
  const worker = async () => {
    while (asked < length) {
      const at = asked;
      const bytes = Math.min(piece, length - at);
      asked += bytes;
      await namespace.writeZeroes({ offset: offset + at, length: bytes, ...limits });
      done += bytes;
      bar.update(done);
    }
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  } finally {
    asked = length;
    bar.stop();
  }
}

/** Waits until the stream has accepted the data, so that a slow consumer delays the reads and memory does not grow. */
function put(output: Writable, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Writes an input, or compares with it. A file is checked before anything of it is sent; of a pipe, the length is known at its end.
 * @param length the most that is taken of the input
 */
export async function send(
  { limits }: Session,
  namespace: Namespace,
  range: ByteRange,
  { file, size }: Input,
  operation: 'write' | 'compare',
): Promise<void> {
  const { offset, length } = range;
  const name = file ?? 'stdin';
  const max = length ?? Number.POSITIVE_INFINITY;
  const total = size === undefined ? undefined : Math.min(size, max);
  if (total === 0) throw new UsageError(`${name} is empty`);
  if (total !== undefined) checkRange(namespace, { ...range, length: total }, `${name} (${total} bytes)`);
  const input = file === undefined ? dataOfStdin() : open(file);
  const bar = transferBar(total ?? length);
  const running = new Set<Promise<void>>();
  let sent = 0;
  let done = 0;
  try {
    const pieces = new Chunks(input, PIECE, total ?? max)[Symbol.asyncIterator]();
    for (let next = pieces.next(); ; ) {
      // A piece that fails ends the transfer immediately: an input such as a pipe may have no further data for hours.
      const read = await Promise.race([next, ...running]);
      if (!read) continue;
      if (read.done) break;
      const piece = read.value;
      if (piece.length % namespace.blockSize !== 0) {
        throw new Failure(
          `The input ends in the middle of a block: ${sent + piece.length} bytes are not a multiple of ${namespace.blockSize}. ${sent} bytes were sent`,
        );
      }
      const one = namespace[operation](piece, { offset: offset + sent, ...limits }).then(() => {
        running.delete(one);
        done += piece.length;
        bar.update(done);
      });
      one.catch(() => {});
      running.add(one);
      sent += piece.length;
      if (running.size >= IN_FLIGHT) await Promise.race(running);
      next = pieces.next();
    }
    await Promise.all(running);
    if (sent === 0) throw new Failure('The input is empty: nothing was sent');
    if (total !== undefined && sent < total)
      throw new Failure(`${name} has become shorter: ${sent} of ${total} bytes were sent`);
  } finally {
    bar.stop();
    input.destroy();
    await Promise.allSettled(running);
  }
}
