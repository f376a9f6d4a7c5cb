import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../engine/exit.js';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/namespace-option.js';
import { integer } from '../engine/numbers.js';
import { addOutputOption, type OutputOptions, print } from '../engine/output.js';
import { addSessionOptions, type SessionOptions, withController } from '../engine/session.js';
import { addTargetOptions } from '../engine/target-options.js';
import { hexDump } from '../nvme/hex-dump.js';

interface Given extends SessionOptions, NamespaceOption, OutputOptions {
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
  readonly rawBinary: boolean;
}

const dwords = ['cdw10', 'cdw11', 'cdw12', 'cdw13', 'cdw14', 'cdw15'] as const;
const maxData = 1 << 20;

export function addPassthru(program: Command): void {
  const admin = passthru(program, 'admin-passthru', 'Send any admin command.');
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
  const io = passthru(program, 'io-passthru', 'Send any command to an I/O queue.');
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
  addOutputOption(addNamespaceOption(addSessionOptions(addTargetOptions(command))))
    .requiredOption('-O, --opcode <N>', 'the opcode', integer(0, 0xff))
    .option('-l, --data-len <BYTES>', 'the length of the data', integer(0, maxData), 0)
    .option('-i, --input-file <FILE>', 'the data to send')
    .option('-R, --read', 'receive data', false)
    .option('-W, --write', 'send data', false)
    .option('-b, --raw-binary', 'write the received data to stdout', false);
  for (const dword of dwords)
    command.option(`--${dword} <N>`, `command dword ${dword.slice(3)}`, integer(0, 0xffff_ffff), 0);
  return command;
}

/**
 * The two low bits of an opcode say which way its data goes (NVM Express Base Specification, "Opcode"). The controller goes by
 * them: with --read it would be sent memory that is empty.
 */
function checkDirection(opcode: number, { read, write }: Pick<Given, 'read' | 'write'>): void {
  const sends = (opcode & 1) !== 0;
  const receives = (opcode & 2) !== 0;
  const named = `0x${opcode.toString(16).padStart(2, '0')}`;
  if (read && !receives)
    throw new UsageError(`Opcode ${named} receives no data: --read does not apply to it`);
  if (write && !sends) throw new UsageError(`Opcode ${named} sends no data: --write does not apply to it`);
}

/** The data to send, or memory for the received data. */
function dataOf({ opcode, dataLen, inputFile, read, write }: Given): Buffer {
  if (read && write) throw new UsageError('Use --read or --write, not both');
  checkDirection(opcode, { read, write });
  if (read && dataLen === 0) throw new UsageError('--read needs --data-len with the length of the data');
  if (dataLen > 0 && !read && !write)
    throw new UsageError('Use --read or --write for the direction of the data');
  if (inputFile !== undefined && !write) throw new UsageError('--input-file needs --write');
  if (!write) return Buffer.alloc(dataLen);
  if (inputFile === undefined) throw new UsageError('--write needs --input-file with the data to send');
  const file = readFileSync(inputFile);
  if (dataLen > 0 && file.length !== dataLen) {
    throw new UsageError(`${inputFile} has ${file.length} bytes, and --data-len is ${dataLen}`);
  }
  return file;
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
