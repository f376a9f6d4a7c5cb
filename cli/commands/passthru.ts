// The verbs that send any command, with the options of nvme-cli.

import { type Command, Option } from 'commander';
import { readInput, sizeOfInput } from '../engine/files/named-files.js';
import {
  addNamespaceOption,
  everyNamespace,
  type NamespaceOption,
  namespaceOf,
} from '../engine/options/namespace-option.js';
import { bytes, hex, integer } from '../engine/options/numbers.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import { addSessionOptions, type SessionOptions, withController } from '../engine/target/session.js';
import {
  addOutputOption,
  addRawOption,
  checkOutput,
  print,
  type RawOptions,
} from '../engine/terminal/output.js';
import { hexDump } from '../nvme/hex-dump.js';

interface Given extends SessionOptions, NamespaceOption, RawOptions {
  readonly opcode: number;
  readonly cdw10: number;
  readonly cdw11: number;
  readonly cdw12: number;
  readonly cdw13: number;
  readonly cdw14: number;
  readonly cdw15: number;
  readonly dataLen: number;
  readonly inputFile?: string;
  readonly read: boolean;
  readonly write: boolean;
}

const dwords = ['cdw10', 'cdw11', 'cdw12', 'cdw13', 'cdw14', 'cdw15'] as const;
const maxData = 1 << 20;

export function addPassthru(program: Command): void {
  const admin = passthru(program, 'admin-passthru', 'Send any admin command. It asks nothing before.');
  admin.option(
    '-N, --namespace-id <NSID>',
    'the namespace; 0xffffffff: all of them (default: 0, none)',
    integer(0, everyNamespace),
  );
  admin.action(async (given: Given) => {
    const data = dataOf(given);
    process.exitCode = await withController(given, {}, async ({ controller, limits }) => {
      const result = await controller.admin.send(
        {
          opcode: given.opcode,
          nsid: given.namespaceId ?? 0,
          cdw: dwords.map((name) => given[name]),
          ...(given.write ? { data } : { dataLength: data.length }),
        },
        limits,
      );
      show(given, result.cdw0, result.data);
      return 0;
    });
  });
  const io = passthru(program, 'io-passthru', 'Send any command to an I/O queue. It asks nothing before.');
  addNamespaceOption(io);
  io.action(async (given: Given) => {
    const data = dataOf(given);
    process.exitCode = await withController(given, {}, async ({ controller, limits }) => {
      const namespace = namespaceOf(controller, given);
      const command = { opcode: given.opcode, cdw: dwords.map((name) => given[name]) };
      const cdw0 = await namespace.raw(data.length > 0 ? { ...command, data } : command, limits);
      show(given, cdw0, given.read ? data : Buffer.alloc(0));
      return 0;
    });
  });
}

function passthru(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description);
  addOutputOption(addSessionOptions(addTargetOptions(command)))
    .requiredOption('-O, --opcode <N>', 'the opcode', integer(0, 0xff))
    .option('-l, --data-len <BYTES>', 'the length of the data', bytes(0, maxData), 0)
    .option('-i, --input-file <FILE>', 'the data to send')
    .option('-R, --read', 'receive data (nvme-cli: -r)', false)
    .option('-W, --write', 'send data (nvme-cli: -w)', false);
  addRawOption(command, 'the received data');
  for (const [index, dword] of dwords.entries()) {
    const option = new Option(`-${index + 4}, --${dword} <N>`, `command dword ${dword.slice(3)}`);
    command.addOption(option.argParser(integer(0, 0xffff_ffff)).default(0));
  }
  return command;
}

/** The lowest two bits of an opcode are the direction of its data. */
const directions = [
  'transfers no data',
  'sends data: use --write',
  'receives data: use --read',
  'transfers data in both directions, which this verb cannot do',
] as const;
const sends = 1;
const receives = 2;

/** Rejects data in the wrong direction: a device could be written with data that the user did not give. */
function checkDirection({ opcode, read, write, dataLen }: Given): void {
  const direction = opcode & 3;
  const wrong = read ? direction !== receives : write && direction !== sends;
  if (wrong)
    throw new UsageError(
      `--${read ? 'read' : 'write'} contradicts --opcode 0x${hex(opcode, 2)}, which ${directions[direction]}`,
    );
  if (read && dataLen === 0) throw new UsageError('--read needs --data-len');
}

/** The data to send, or memory for the received data. */
function dataOf(given: Given): Buffer {
  const { dataLen, inputFile, read, write, rawBinary } = given;
  if (read && write) throw new UsageError('Use --read or --write, not both');
  if (dataLen > 0 && !read && !write)
    throw new UsageError('Use --read or --write for the direction of the data');
  if (inputFile !== undefined && !write) throw new UsageError('--input-file needs --write');
  if (rawBinary && !read) throw new UsageError('--raw-binary needs --read: it writes what is received');
  checkDirection(given);
  checkOutput(given);
  if (!write) return Buffer.alloc(dataLen);
  if (inputFile === undefined) throw new UsageError('--write needs --input-file with the data to send');
  const size = sizeOfInput('--input-file', inputFile);
  const length = dataLen > 0 ? dataLen : size;
  if (length === undefined)
    throw new UsageError('--input-file is not a regular file, so --data-len is required');
  if (size !== undefined && size !== length)
    throw new UsageError(`--input-file has ${size} bytes, and --data-len is ${length}`);
  if (length === 0 || length > maxData)
    throw new UsageError(`--input-file has ${length} bytes; one command takes from 1 to ${maxData}`);
  const data = readInput(inputFile, length);
  if (data.length < length)
    throw new UsageError(`--input-file has ${data.length} bytes, and --data-len is ${length}`);
  return data;
}

function show({ outputFormat, rawBinary }: Given, cdw0: number, data: Buffer): void {
  if (rawBinary) {
    process.stdout.write(data);
    return;
  }
  print(outputFormat, { result: cdw0, data: data.toString('hex') }, () =>
    [`result: 0x${cdw0.toString(16).padStart(8, '0')}`, ...(data.length > 0 ? [hexDump(data)] : [])].join(
      '\n',
    ),
  );
}
