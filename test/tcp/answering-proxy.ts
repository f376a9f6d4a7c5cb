// A proxy that carries out some commands itself, in place of a target that has none of them, and notes what it was sent.

import type { Socket } from 'node:net';
import {
  commandId,
  commandIn,
  commandOfData,
  dataIn,
  isDataToHost,
  isDataToTarget,
  isFabrics,
} from './pdu.js';
import { type Hooks, PduProxy } from './proxy.js';

/** How a command ends. */
export interface Answer {
  /** What the host reads. */
  readonly data?: Buffer;
  readonly dword0?: number;
  readonly status?: { readonly sct: number; readonly sc: number };
}

export interface Seen {
  /** The entry of the submission queue. */
  readonly command: Buffer;
  /** What the host sent with it. */
  readonly data: Buffer;
}

export interface AnsweringOptions {
  readonly targetPort: number;
  /** The answer to a command of the admin queue, 0, or of an I/O queue; undefined for what the target answers. */
  answer(command: Buffer, queue: number): Answer | undefined;
  /** Changes what the target returns for Identify. */
  identified?(command: Buffer, page: Buffer): void;
}

const identify = 0x06;
const types = { response: 0x05, dataToHost: 0x07, readyToTransfer: 0x09 } as const;
const headerBytes = 24;
const commonHeader = 8;
/** In a PDU with data for the host: that it is the last one of its command. */
const lastData = 0x04;
/** The direction of a command's data, in its opcode. */
const toController = 1;

/** A PDU of this type, with an empty header behind its first eight bytes. */
function pduOf(type: number, data: Buffer = Buffer.alloc(0), flags = 0): Buffer {
  const pdu = Buffer.concat([Buffer.alloc(headerBytes), data]);
  pdu.writeUInt8(type, 0);
  pdu.writeUInt8(flags, 1);
  pdu.writeUInt8(headerBytes, 2);
  pdu.writeUInt8(data.length > 0 ? headerBytes : 0, 3);
  pdu.writeUInt32LE(pdu.length, 4);
  return pdu;
}

function respond(host: Socket, id: number, { data, dword0 = 0, status }: Answer): void {
  if (data) {
    const pdu = pduOf(types.dataToHost, data, lastData);
    pdu.writeUInt16LE(id, commonHeader);
    pdu.writeUInt32LE(data.length, commonHeader + 8);
    host.write(pdu);
  }
  const pdu = pduOf(types.response);
  pdu.writeUInt32LE(dword0, commonHeader);
  pdu.writeUInt16LE(id, commonHeader + 12);
  if (status) pdu.writeUInt16LE((status.sc << 1) | (status.sct << 9), commonHeader + 14);
  host.write(pdu);
}

function askForData(host: Socket, id: number, length: number): void {
  const pdu = pduOf(types.readyToTransfer);
  pdu.writeUInt16LE(id, commonHeader);
  pdu.writeUInt32LE(length, commonHeader + 8);
  host.write(pdu);
}

/** One connection: its queue, and the commands whose data is to come. */
class Connection implements Hooks {
  #queue = 0;
  readonly #asked = new Map<number, Buffer>();
  readonly #receiving = new Map<number, { command: Buffer; data: Buffer; got: number; answer: Answer }>();

  constructor(
    readonly options: AnsweringOptions,
    readonly host: Socket,
    readonly seen: Seen[],
  ) {}

  fromHost(pdu: Buffer) {
    if (isDataToTarget(pdu)) return this.#receive(pdu);
    const command = commandIn(pdu);
    if (!command) return undefined;
    if (isFabrics(command, 'connect')) {
      this.#queue = command.readUInt16LE(42);
      return undefined;
    }
    const answer = this.options.answer(command, this.#queue);
    if (!answer) {
      if (command[0] === identify) this.#asked.set(commandId(command), Buffer.from(command));
      return undefined;
    }
    this.#take(Buffer.from(command), dataIn(pdu), answer);
    return 'drop' as const;
  }

  fromTarget(pdu: Buffer) {
    const command = isDataToHost(pdu) && this.#asked.get(commandOfData(pdu));
    if (command) this.options.identified?.(command, dataIn(pdu) as Buffer);
    return undefined;
  }

  #take(command: Buffer, inCapsule: Buffer | undefined, answer: Answer): void {
    // The length in the command's data descriptor.
    const length = (command.readUInt8(0) & 3) === toController ? command.readUInt32LE(32) : 0;
    if (length > 0 && !inCapsule) {
      this.#receiving.set(commandId(command), { command, data: Buffer.alloc(length), got: 0, answer });
      askForData(this.host, commandId(command), length);
      return;
    }
    this.seen.push({ command, data: Buffer.from(inCapsule ?? []) });
    respond(this.host, commandId(command), answer);
  }

  #receive(pdu: Buffer) {
    const id = commandOfData(pdu);
    const receiving = this.#receiving.get(id);
    if (!receiving) return undefined;
    const part = dataIn(pdu) as Buffer;
    receiving.data.set(part, pdu.readUInt32LE(commonHeader + 4));
    receiving.got += part.length;
    if (receiving.got === receiving.data.length) {
      this.#receiving.delete(id);
      this.seen.push({ command: receiving.command, data: receiving.data });
      respond(this.host, id, receiving.answer);
    }
    return 'drop' as const;
  }
}

/** Starts it. `seen` has what it answered, in order. */
export async function answerCommands(options: AnsweringOptions): Promise<{ proxy: PduProxy; seen: Seen[] }> {
  const seen: Seen[] = [];
  const hooks = (_source: string, host: Socket) => {
    const connection = new Connection(options, host, seen);
    return {
      fromHost: (pdu: Buffer) => connection.fromHost(pdu),
      fromTarget: (pdu: Buffer) => connection.fromTarget(pdu),
    };
  };
  return { proxy: await PduProxy.start({ targetPort: options.targetPort, hooks }), seen };
}
