// A proxy that notes each Connect command, and may alter what controllers say of themselves.

import {
  asksForController,
  commandId,
  commandIn,
  commandOfData,
  dataIn,
  digestsIn,
  isDataToHost,
  isDataToTarget,
  isFabrics,
} from './pdu.js';
import { type Hooks, PduProxy } from './proxy.js';

/** What one Connect command sends to the target, and from where (NVMe over Fabrics specification, "Connect"). */
interface SeenConnect {
  readonly queueId: number;
  /** Entries of the queue. */
  readonly queueDepth: number;
  readonly keepAliveMs: number;
  readonly hostId: string;
  readonly hostNqn: string;
  readonly subsystemNqn: string;
  /** Whether the command's data came in its capsule. */
  readonly inCapsule: boolean;
  readonly sourceAddress: string;
}

export interface NotingProxy {
  readonly proxy: PduProxy;
  readonly port: number;
  /** The Connect commands that have passed, admin queues' and I/O queues', in their order. */
  readonly connects: SeenConnect[];
  /** What each connection asked for, in their order (NVMe/TCP, ICReq). */
  readonly digests: { readonly header: boolean; readonly data: boolean }[];
  /** Changes what the target's controllers say of themselves: the page of Identify Controller. */
  alter(change: (page: Buffer) => void): void;
  close(): void;
}

const text = (bytes: Buffer) => bytes.toString('utf8', 0, bytes.indexOf(0));

function uuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Of one connection, whose first command it is: in its capsule, or in a PDU that follows. */
class ConnectReader {
  #command: Buffer | undefined;

  constructor(readonly sourceAddress: string) {}

  see(pdu: Buffer): SeenConnect | undefined {
    const command = commandIn(pdu);
    if (command && isFabrics(command, 'connect')) this.#command = Buffer.from(command);
    const data = this.#command && (command || isDataToTarget(pdu)) ? dataIn(pdu) : undefined;
    if (!this.#command || !data) return undefined;
    const connect = this.#command;
    this.#command = undefined;
    return {
      queueId: connect.readUInt16LE(42),
      queueDepth: connect.readUInt16LE(44) + 1, // it counts from zero
      keepAliveMs: connect.readUInt32LE(48),
      hostId: uuid(data.subarray(0, 16)),
      subsystemNqn: text(data.subarray(256, 512)),
      hostNqn: text(data.subarray(512, 768)),
      inCapsule: command !== undefined,
      sourceAddress: this.sourceAddress,
    };
  }
}

/** Listens at an address, and passes on to a port of the same address. */
export async function noteConnects(targetPort: number, address = '127.0.0.1'): Promise<NotingProxy> {
  const connects: SeenConnect[] = [];
  const digests: { header: boolean; data: boolean }[] = [];
  let change = (_page: Buffer): void => {};
  const hooks = (source: string): Hooks => {
    const reader = new ConnectReader(source);
    const asked = new Set<number>();
    return {
      fromHost: (pdu) => {
        const wanted = digestsIn(pdu);
        if (wanted) digests.push(wanted);
        const connect = reader.see(pdu);
        if (connect) connects.push(connect);
        const command = commandIn(pdu);
        if (command && asksForController(command)) asked.add(commandId(command));
        return undefined;
      },
      fromTarget: (pdu) => {
        const page = isDataToHost(pdu) && asked.delete(commandOfData(pdu)) ? dataIn(pdu) : undefined;
        if (page) change(page);
        return undefined;
      },
    };
  };
  const proxy = await PduProxy.start({ targetPort, address, hooks });
  return {
    proxy,
    port: proxy.port,
    connects,
    digests,
    alter: (how) => {
      change = how;
    },
    close: () => proxy.close(),
  };
}
