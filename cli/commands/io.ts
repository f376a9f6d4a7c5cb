// The verbs that read, write, compare or change ranges of a namespace, with the options of nvme-cli.

import { type Command, InvalidArgumentError } from 'commander';
import type { Namespace } from 'spdk-nvme';
import { sizeOfInput, writableFile } from '../engine/files/named-files.js';
import { checkStdio, sizeOfStdin } from '../engine/files/stdio.js';
import { addAlias } from '../engine/options/alias.js';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/options/namespace-option.js';
import { integers } from '../engine/options/numbers.js';
import {
  addRangeOptions,
  type ByteRange,
  checkRange,
  checkRangeOptions,
  type RangeOptions,
  rangeOf,
} from '../engine/options/range.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import {
  addSessionOptions,
  type Session,
  type SessionOptions,
  withController,
} from '../engine/target/session.js';
import { isStdio, receive, send, zero } from '../workloads/transfer.js';

interface Given extends SessionOptions, NamespaceOption, RangeOptions {
  readonly data?: string;
}

interface GivenRanges extends Given {
  readonly ad: boolean;
  readonly slbs?: number[];
  readonly blocks?: number[];
}

export function addIo(program: Command): void {
  const toStdout =
    'the file to write (default: stdout, which must not be a terminal; -: stdout); also --file';
  const fromStdin = 'the file to VERB (default: stdin, which must not be a terminal; -: stdin); also --file';
  const read = ioCommand(program, 'read', 'Read from a namespace into a file, or to stdout.');
  addRangeOptions(read, 'the length (default: to the end of the namespace)').option(
    '-d, --data <FILE>',
    toStdout,
    outputFile,
  );
  addAlias(read, '--file <FILE>', 'data').action((given: Given) => {
    checkPipe(given, 'stdout');
    return work(given, (session, namespace) =>
      receive(session, namespace, rangeOf(namespace, given), fileOf(given)),
    );
  });
  for (const [operation, description, verb] of [
    ['write', 'Write a file, or stdin, to a namespace, without asking for confirmation.', 'read'],
    ['compare', 'Compare a namespace with a file, or with stdin.', 'compare with'],
  ] as const) {
    const command = ioCommand(program, operation, description);
    addRangeOptions(command, 'the maximum length (default: the whole file)').option(
      '-d, --data <FILE>',
      fromStdin.replace('VERB', verb),
    );
    addAlias(command, '--file <FILE>', 'data').action((given: Given) => {
      checkPipe(given, 'stdin');
      const file = fileOf(given);
      const size = file === undefined ? sizeOfStdin() : sizeOfInput('--data', file);
      return work(given, (session, namespace) =>
        send(session, namespace, rangeOf(namespace, given), { file, size }, operation),
      );
    });
  }
  addRanges(program);
  const flush = ioCommand(program, 'flush', 'Make all earlier writes durable.');
  flush.action((given: Given) => work(given, ({ limits }, namespace) => namespace.flush(limits)));
}

/** The verbs that change ranges without transferring data. */
function addRanges(program: Command): void {
  const zeroes = ioCommand(
    program,
    'write-zeroes',
    'Write zeroes to a range, without transferring data and without asking for confirmation.',
  );
  addRangeOptions(zeroes, 'the length').action((given: Given) => {
    if (given.length === undefined && given.blockCount === undefined) throw lengthMissing();
    return work(given, ({ limits }, namespace) => zero(namespace, rangeOf(namespace, given), limits));
  });
  const dsm = ioCommand(program, 'dsm', 'Deallocate ranges (Dataset Management).');
  addRangeOptions(dsm, 'the length', false)
    .option('-d, --ad', 'deallocate (required; other attributes are not supported)')
    .option(
      '--slbs <LIST>',
      'the first block of each range, separated by commas, instead of --offset',
      blockList(0),
    )
    .option('-b, --blocks <LIST>', 'the number of blocks of each range, separated by commas', blockList(1))
    .action((given: GivenRanges) => {
      checkRanges(given);
      return work(given, async ({ limits }, namespace) => {
        const ranges = rangesOf(namespace, given);
        for (const { offset, length = 0 } of ranges)
          await namespace.deallocate({ offset, length, ...limits });
      });
    });
}

function checkRanges(given: GivenRanges): void {
  const { ad, slbs, blocks, offset, startBlock, length, blockCount } = given;
  if (!ad) throw new UsageError('--ad is missing: without it dsm does nothing, as in nvme-cli');
  if (slbs === undefined && blocks === undefined) {
    if (length === undefined && blockCount === undefined) throw lengthMissing();
    return;
  }
  if ([offset, startBlock, length, blockCount].some((value) => value !== undefined))
    throw new UsageError('Use --slbs and --blocks, or --offset and --length, not both');
  if (slbs?.length !== blocks?.length)
    throw new UsageError('--slbs and --blocks must have the same number of values');
}

/** The ranges of one verb: all of them are right before the first one is sent. */
function rangesOf(namespace: Namespace, given: GivenRanges): ByteRange[] {
  const { slbs, blocks = [] } = given;
  if (slbs === undefined) return [rangeOf(namespace, given)];
  return slbs.map((block, index) => {
    const offset = block * namespace.blockSize;
    const length = (blocks[index] ?? 0) * namespace.blockSize;
    const range = { offset, length, start: `--slbs ${block}` };
    checkRange(namespace, range, `--blocks ${blocks[index]}`);
    return range;
  });
}

function blockList(min: number): (text: string) => number[] {
  const parse = integers(min, Number.MAX_SAFE_INTEGER);
  return (text) => {
    const list = parse(text);
    if (list.length <= 256) return list;
    throw new InvalidArgumentError('There are at most 256 ranges.');
  };
}

function lengthMissing(): UsageError {
  return new UsageError('--length is missing: this verb has no default length');
}

/** The file that the options name; undefined for stdin and stdout. */
function fileOf({ data }: Given): string | undefined {
  return isStdio(data) ? undefined : data;
}

function outputFile(path: string): string {
  return isStdio(path) ? path : writableFile(path);
}

function ioCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  return addNamespaceOption(addSessionOptions(addTargetOptions(command)));
}

/** Rejects a terminal, at which no user reads or types a disk, and what can have no data. */
function checkPipe({ data }: Given, stdio: 'stdin' | 'stdout'): void {
  if (!isStdio(data)) return;
  if (data === undefined && process[stdio].isTTY)
    throw new UsageError('--data is missing; without it, stdin or stdout must not be a terminal');
  checkStdio(stdio);
}

async function work(
  given: Given,
  action: (session: Session, namespace: Namespace) => Promise<void>,
): Promise<void> {
  checkRangeOptions(given);
  process.exitCode = await withController(given, {}, async (session) => {
    await action(session, namespaceOf(session.controller, given));
    return 0;
  });
}
