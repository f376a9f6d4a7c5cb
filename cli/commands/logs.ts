import { type Command, InvalidArgumentError } from 'commander';
import type { Controller } from 'spdk-nvme';
import { bytes, integer } from '../engine/numbers.js';
import { addOutputOption, type OutputOptions, print } from '../engine/output.js';
import { addSessionOptions, type Session, type SessionOptions, withController } from '../engine/session.js';
import { listing } from '../engine/show.js';
import { addTargetOptions } from '../engine/target-options.js';
import { hexDump } from '../nvme/hex-dump.js';
import { decodeErrorLog, decodeSmartLog, errorEntryBytes, smartBytes } from '../nvme/logs.js';

interface Given extends SessionOptions, OutputOptions {
  readonly rawBinary: boolean;
}

const everyNamespace = 0xffff_ffff;
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
    .option('-e, --log-entries <N>', 'how many', integer(1, 256), 64)
    .action(
      run<Given & { logEntries: number }>(async ({ admin }, limits, given) => {
        const page = await admin.logPage(
          errorPage,
          given.logEntries * errorEntryBytes,
          everyNamespace,
          limits,
        );
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
    .action(
      run<Given & { logId: number; logLen: number; namespaceId: number }>(
        async ({ admin }, limits, given) => {
          const page = await admin.logPage(given.logId, given.logLen, given.namespaceId, limits);
          show(given, page, () => ({ fields: { data: page.toString('hex') }, text: () => hexDump(page) }));
        },
      ),
    );
  logCommand(program, 'get-feature', 'Show the current value of a feature.')
    .requiredOption('-f, --feature-id <ID>', 'the feature', integer(0, 0xff))
    .option('-N, --namespace-id <NSID>', 'the namespace', integer(0, everyNamespace), 0)
    .action(
      run<Given & { featureId: number; namespaceId: number }>(async ({ admin }, limits, given) => {
        const value = await admin.getFeature(given.featureId, given.namespaceId, limits);
        const raw = Buffer.alloc(4);
        raw.writeUInt32LE(value);
        show(given, raw, () => ({
          fields: { feature: given.featureId, value },
          text: () => `get-feature:0x${hex(given.featureId, 2)}, Current value:0x${hex(value, 8)}`,
        }));
      }),
    );
}

/** Get Log Page counts in dwords; the limit is that of the package. */
function dwords(text: string): number {
  const value = bytes(4, 2 ** 28)(text);
  if (value % 4 === 0) return value;
  throw new InvalidArgumentError('The value must be a multiple of 4.');
}

function logCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  addOutputOption(addSessionOptions(addTargetOptions(command)));
  return command.option('-b, --raw-binary', 'write the raw data to stdout', false);
}

function run<Options extends Given>(
  work: (controller: Controller, limits: Session['limits'], given: Options) => Promise<void>,
) {
  return async (given: Options): Promise<void> => {
    process.exitCode = await withController(given, {}, async ({ controller, limits }) => {
      await work(controller, limits, given);
      return 0;
    });
  };
}

/** Prints the raw data, or the decoded data as text or JSON. */
function show<Fields extends object>(
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

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
