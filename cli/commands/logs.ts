// The verbs that read log pages, with the options of nvme-cli.

import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { Controller } from 'spdk-nvme';
import { everyNamespace } from '../engine/options/namespace-option.js';
import { bytes, integer } from '../engine/options/numbers.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import {
  addSessionOptions,
  type Session,
  type SessionOptions,
  withController,
} from '../engine/target/session.js';
import {
  addOutputOption,
  addRawOption,
  checkOutput,
  print,
  type RawOptions,
} from '../engine/terminal/output.js';
import { listing } from '../engine/terminal/show.js';
import { hexDump } from '../nvme/hex-dump.js';
import { decodeErrorLog, decodeSmartLog, errorEntries, errorEntryBytes, smartBytes } from '../nvme/logs.js';

export interface Given extends SessionOptions, RawOptions {}

interface GivenLog extends Given {
  readonly logId: number;
  readonly logLen: number;
  readonly namespaceId: number;
  readonly lpo: number;
  readonly lsp: number;
  readonly lsi: number;
  readonly rae: boolean;
}

const smartPage = 0x02;
const errorPage = 0x01;

export function addLogs(program: Command): void {
  logCommand(program, 'smart-log', 'Show the SMART / Health Information log.').action(
    run<Given>(async ({ admin }, limits, given) => {
      const page = await admin.logPage(smartPage, smartBytes, everyNamespace, limits);
      show(given, page, () => ({ fields: decodeSmartLog(page), text: listing }));
    }),
  );
  logCommand(program, 'error-log', 'Show the newest entries of the Error Information log.')
    .option('-e, --log-entries <N>', 'the maximum number of entries to show', integer(1, 256), 64)
    .action(
      run<Given & { logEntries: number }>(async ({ admin }, limits, given) => {
        const entries = Math.min(given.logEntries, errorEntries(await admin.identify(1, 0, limits)));
        const page = await admin.logPage(errorPage, entries * errorEntryBytes, everyNamespace, limits);
        const errors = decodeErrorLog(page);
        const text = () =>
          errors.map((entry, index) => `Entry[${String(index).padStart(2)}]\n${listing(entry)}`).join('\n');
        show(given, page, () => ({ fields: { errors }, text }));
      }),
    );
  logCommand(program, 'get-log', 'Read any log page.')
    .requiredOption('-i, --log-id <ID>', 'the log page', integer(0, 0xff))
    .requiredOption('-l, --log-len <BYTES>', 'the length, a multiple of 4', dwords)
    .option('-N, --namespace-id <NSID>', 'the namespace', integer(0, everyNamespace), everyNamespace)
    .option('--lpo <BYTES>', 'the start in the page, a multiple of 4', offsetInPage, 0)
    .option('--lsp <N>', 'the log specific parameter', integer(0, 0x7f), 0)
    .option('--lsi <N>', 'the log specific identifier', integer(0, 0xffff), 0)
    .option('--rae', 'keep the asynchronous event that reading the page clears', false)
    .action(async (given: GivenLog) => {
      if (given.outputFormat === 'json' && given.logLen > maxJsonData)
        throw new UsageError(`JSON has room for a --log-len of ${maxJsonData}: use --raw-binary`);
      await showLog(given);
    });
}

/** More would not fit into one string of JavaScript, as hexadecimal digits. */
const maxJsonData = 2 ** 26;

const showLog = run<GivenLog>(async ({ admin }, limits, given) => {
  const { logId, logLen, namespaceId, lpo: offset, lsp, lsi, rae: retain, rawBinary, outputFormat } = given;
  const page = await admin.logPage(logId, logLen, namespaceId, { offset, lsp, lsi, retain, ...limits });
  if (outputFormat === 'normal' && !rawBinary) await dump(page, limits.signal);
  else show(given, page, () => ({ fields: { data: page.toString('hex') }, text: () => '' }));
});

/** How much is written at a time: a long page takes seconds, in which signals are to be noticed. */
const pieceBytes = 2 ** 16;

async function dump(page: Buffer, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < page.length; at += pieceBytes) {
    const text = `${hexDump(page.subarray(at, at + pieceBytes), at)}\n`;
    if (!process.stdout.write(text)) await once(process.stdout, 'drain', { signal });
    await nextTurn(undefined, { signal });
  }
}

/** Parses a length, which must be whole dwords for Get Log Page; the limit is that of the package. */
function dwords(text: string): number {
  return multipleOf4(bytes(4, 2 ** 28)(text));
}

function offsetInPage(text: string): number {
  return multipleOf4(bytes(0, Number.MAX_SAFE_INTEGER)(text));
}

function multipleOf4(value: number): number {
  if (value % 4 === 0) return value;
  throw new InvalidArgumentError('The value must be a multiple of 4.');
}

export function logCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  addOutputOption(addSessionOptions(addTargetOptions(command)));
  return addRawOption(command);
}

export function run<Options extends Given>(
  work: (controller: Controller, limits: Session['limits'], given: Options) => Promise<void>,
) {
  return async (given: Options): Promise<void> => {
    checkOutput(given);
    process.exitCode = await withController(given, {}, async ({ controller, limits }) => {
      await work(controller, limits, given);
      return 0;
    });
  };
}

/** Prints the raw data, or the decoded data as text or JSON. */
export function show<Fields extends object>(
  given: Given,
  data: Buffer,
  decode: () => { fields: Fields; text: (fields: Fields & Record<string, unknown>) => string },
): void {
  if (given.rawBinary) {
    process.stdout.write(data);
    return;
  }
  const { fields, text } = decode();
  print(given.outputFormat, fields, () => text(fields as Fields & Record<string, unknown>));
}
