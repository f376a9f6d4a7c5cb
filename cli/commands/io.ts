import { createReadStream, createWriteStream, statSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import type { Namespace } from 'spdk-nvme';
import { Chunks } from '../engine/chunks.js';
import { Failure, UsageError } from '../engine/exit.js';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/namespace-option.js';
import { bytes } from '../engine/numbers.js';
import { addSessionOptions, type Session, type SessionOptions, withController } from '../engine/session.js';
import { addTargetOptions } from '../engine/target-options.js';
import { transferBar } from '../engine/transfer-bar.js';

interface Given extends SessionOptions, NamespaceOption {
  readonly offset: number;
  readonly length?: number;
  readonly file?: string;
}

/** The data in the program at a time: large enough for a fast target, small enough for any memory. */
const PIECE = 1 << 20;
const IN_FLIGHT = 4;
const STDIO = '-';

export function addIo(program: Command): void {
  ioCommand(program, 'read', 'Read from a namespace into a file, or to stdout.')
    .option(
      '-f, --file <FILE>',
      'the file to write (default: stdout, unless it is a terminal; - in any case)',
    )
    .option('-z, --length <BYTES>', 'the length (default: to the end of the namespace)', size())
    .action(act(readToFile, process.stdout));
  ioCommand(program, 'write', 'Write a file, or stdin, to a namespace.')
    .option('-f, --file <FILE>', 'the file to read (default: stdin, unless it is a terminal; - in any case)')
    .option('-z, --length <BYTES>', 'the maximum length (default: the whole file)', size())
    .action(act((session, namespace, given) => send(session, namespace, given, 'write'), process.stdin));
  ioCommand(program, 'compare', 'Compare a namespace with a file, or with stdin.')
    .option(
      '-f, --file <FILE>',
      'the file to compare with (default: stdin, unless it is a terminal; - in any case)',
    )
    .option('-z, --length <BYTES>', 'the maximum length (default: the whole file)', size())
    .action(act((session, namespace, given) => send(session, namespace, given, 'compare'), process.stdin));
  ioCommand(program, 'write-zeroes', 'Write zeroes to a range, without transferring data.')
    .requiredOption('-z, --length <BYTES>', 'how much', size())
    .action(act((session, namespace, given) => range(session, namespace, given, 'writeZeroes')));
  ioCommand(program, 'dsm', 'Deallocate a range (Dataset Management).')
    .requiredOption('-z, --length <BYTES>', 'how much', size())
    .action(act((session, namespace, given) => range(session, namespace, given, 'deallocate')));
  const flush = program.command('flush').description('Make all earlier writes durable.');
  addNamespaceOption(addSessionOptions(addTargetOptions(flush))).action(
    act(({ limits }, namespace) => namespace.flush(limits)),
  );
}

function size(): (text: string) => number {
  return bytes(1, Number.MAX_SAFE_INTEGER);
}

function ioCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  addNamespaceOption(addSessionOptions(addTargetOptions(command)));
  return command.option(
    '--offset <BYTES>',
    'the offset in the namespace',
    bytes(0, Number.MAX_SAFE_INTEGER),
    0,
  );
}

/** @param stdio where data goes or comes from without a file: nobody reads or types a disk at a terminal */
function act(
  work: (session: Session, namespace: Namespace, given: Given) => Promise<void>,
  stdio?: { readonly isTTY?: boolean },
) {
  return async (given: Given): Promise<void> => {
    if (given.file === undefined && stdio?.isTTY)
      throw new UsageError('--file is missing, and without it the data goes through a pipe, not a terminal');
    process.exitCode = await withController(given, {}, async (session) => {
      await work(session, namespaceOf(session.controller, given), given);
      return 0;
    });
  };
}

/** Reads pieces ahead, and writes them in order. */
async function readToFile({ limits }: Session, namespace: Namespace, given: Given): Promise<void> {
  const { offset, file = STDIO } = given;
  checkRange(namespace, given);
  const length = given.length ?? namespace.bytes - offset;
  const output: Writable = file === STDIO ? process.stdout : createWriteStream(file);
  const failure = finished(output);
  failure.catch(() => {});
  const bar = transferBar(length);
  try {
    await opened(output);
    const ahead: Promise<Buffer>[] = [];
    let asked = 0;
    const ask = () => {
      const piece = Math.min(PIECE, length - asked);
      const read = namespace.read(Buffer.alloc(piece), {
        offset: offset + asked,
        ...limits,
      });
      read.catch(() => {});
      ahead.push(read);
      asked += piece;
    };
    for (let written = 0; written < length; ) {
      while (ahead.length < IN_FLIGHT && asked < length) ask();
      const data = await (ahead.shift() as Promise<Buffer>);
      await put(output, data);
      written += data.length;
      bar.update(written);
    }
    if (output !== process.stdout) {
      output.end();
      await failure;
    }
  } finally {
    bar.stop();
    if (output !== process.stdout) output.destroy();
  }
}

/** Reports an error of the file before the namespace is read. */
function opened(output: Writable): Promise<void> {
  if (output === process.stdout || !('pending' in output) || output.pending === false)
    return Promise.resolve();
  return new Promise((resolve, reject) => {
    output.once('open', () => resolve());
    output.once('error', reject);
  });
}

/** Waits until the stream has accepted the data, so that a slow consumer delays the reads and memory does not grow. */
function put(output: Writable, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

async function send(
  { limits }: Session,
  namespace: Namespace,
  given: Given,
  operation: 'write' | 'compare',
): Promise<void> {
  const { offset, length = Number.POSITIVE_INFINITY, file = STDIO } = given;
  // The length is a limit here, which the input need not reach.
  checkRange(namespace, { offset });
  const size = file === STDIO ? undefined : sizeOf(file);
  const most = Math.min(size ?? Number.POSITIVE_INFINITY, length);
  if (size !== undefined) checkInput(namespace, file, offset, most);
  const input: Readable = file === STDIO ? process.stdin : createReadStream(file, { highWaterMark: PIECE });
  const bar = transferBar(Number.isFinite(most) ? most : undefined);
  const running = new Set<Promise<void>>();
  let done = 0;
  try {
    let sent = 0;
    for await (const piece of new Chunks(input, PIECE, length)) {
      if (piece.length % namespace.blockSize !== 0) {
        throw oddEnd('The input', sent + piece.length, namespace.blockSize);
      }
      const at = offset + sent;
      const one = namespace[operation](piece, { offset: at, ...limits }).then(() => {
        running.delete(one);
        done += piece.length;
        bar.update(done);
      });
      one.catch(() => {});
      running.add(one);
      sent += piece.length;
      if (running.size >= IN_FLIGHT) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    bar.stop();
    input.destroy();
    await Promise.allSettled(running);
  }
}

async function range(
  { limits }: Session,
  namespace: Namespace,
  { offset, length = 0 }: Given,
  operation: 'writeZeroes' | 'deallocate',
): Promise<void> {
  checkRange(namespace, { offset, length });
  await namespace[operation]({ offset, length, ...limits });
}

/** The bytes of a regular file; undefined for a pipe or a device. */
function sizeOf(file: string): number | undefined {
  const stats = statSync(file);
  if (stats.isDirectory()) throw new Failure(`${file} is a folder`);
  return stats.isFile() ? stats.size : undefined;
}

/** A file that does not fit is reported before any of it has overwritten something. */
function checkInput({ bytes, blockSize }: Namespace, file: string, offset: number, size: number): void {
  if (size % blockSize !== 0) throw oddEnd(file, size, blockSize);
  if (offset + size > bytes) {
    throw new Failure(
      `${file} has ${size} bytes: from ${offset} they reach past the end of the namespace, which has ${bytes}`,
    );
  }
}

function oddEnd(input: string, bytes: number, blockSize: number): Failure {
  return new Failure(
    `${input} ends in the middle of a block: ${bytes} bytes are not a multiple of ${blockSize}`,
  );
}

/** A range that is wrong is reported before anything of it is transferred. */
function checkRange({ bytes, blockSize }: Namespace, { offset, length }: Pick<Given, 'offset' | 'length'>) {
  const blocks = `the block size of the namespace, ${blockSize} bytes`;
  if (offset % blockSize !== 0) throw new UsageError(`--offset ${offset} is not a multiple of ${blocks}`);
  if (length !== undefined && length % blockSize !== 0)
    throw new UsageError(`--length ${length} is not a multiple of ${blocks}`);
  const end = `past the end of the namespace, which has ${bytes} bytes`;
  if (offset >= bytes) throw new UsageError(`--offset ${offset} is ${end}`);
  if (length !== undefined && offset + length > bytes)
    throw new UsageError(`--offset ${offset} and --length ${length} reach ${end}`);
}
