import { createConnection, createServer, type Socket } from 'node:net';

/** What the target is told with one Connect command, and from where (NVMe over Fabrics specification, "Connect"). */
export interface CapturedConnect {
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

/** PDU types of NVMe/TCP, the opcode of fabrics commands, and Connect's type. */
const commandCapsule = 0x04;
const hostData = 0x06;
const fabricsCommand = 0x7f;
const connect = 0x01;
const commandAt = 8;
const dataBytes = 1_024;

const text = (bytes: Buffer) => bytes.toString('utf8', 0, bytes.indexOf(0));

function uuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function capture(command: Buffer, data: Buffer, inCapsule: boolean, sourceAddress: string): CapturedConnect {
  return {
    queueId: command.readUInt16LE(42),
    queueDepth: command.readUInt16LE(44) + 1, // it counts from zero
    keepAliveMs: command.readUInt32LE(48),
    hostId: uuid(data.subarray(0, 16)),
    subsystemNqn: text(data.subarray(256, 512)),
    hostNqn: text(data.subarray(512, 768)),
    inCapsule,
    sourceAddress,
  };
}

/** Reads what a host sends on one connection; answers the Connect command once it and its data are there. */
class Reader {
  #bytes = Buffer.alloc(0);
  #command: Buffer | undefined;

  constructor(readonly sourceAddress: string) {}

  read(more: Buffer): CapturedConnect[] {
    this.#bytes = Buffer.concat([this.#bytes, more]);
    const found: CapturedConnect[] = [];
    while (this.#bytes.length >= 8 && this.#bytes.length >= this.#bytes.readUInt32LE(4)) {
      const pdu = this.#bytes.subarray(0, this.#bytes.readUInt32LE(4));
      this.#bytes = this.#bytes.subarray(pdu.length);
      const captured = this.#pdu(pdu);
      if (captured) found.push(captured);
    }
    return found;
  }

  #pdu(pdu: Buffer): CapturedConnect | undefined {
    const data = pdu.subarray(pdu[3] as number);
    if (pdu[0] === hostData && this.#command) {
      const command = this.#command;
      this.#command = undefined;
      return capture(command, data, false, this.sourceAddress);
    }
    const command = pdu.subarray(commandAt, commandAt + 64);
    if (pdu[0] !== commandCapsule || command[0] !== fabricsCommand || command[4] !== connect)
      return undefined;
    if (pdu[3] !== 0 && data.length >= dataBytes) return capture(command, data, true, this.sourceAddress);
    this.#command = Buffer.from(command);
    return undefined;
  }
}

/** Between an initiator and a target: passes everything on, and notes each Connect. */
export interface ConnectCapture {
  readonly port: number;
  readonly connects: CapturedConnect[];
  /** When each connection came, in milliseconds of performance.now(). */
  readonly times: number[];
  /** Ends all connections and refuses further ones; true again lets them in. */
  accept(accepting: boolean): void;
  close(): void;
}

/** Listens at an address, and passes on to a port of the same address. */
export async function captureConnects(address: string, targetPort: number): Promise<ConnectCapture> {
  const sockets = new Set<Socket>();
  const connects: CapturedConnect[] = [];
  const times: number[] = [];
  let accepting = true;
  const server = createServer((host) => {
    times.push(performance.now());
    if (!accepting) {
      host.destroy();
      return;
    }
    const reader = new Reader(host.remoteAddress ?? '');
    const target = createConnection({ port: targetPort, host: address });
    host.on('data', (bytes: Buffer) => connects.push(...reader.read(bytes)));
    for (const [from, to] of [
      [host, target],
      [target, host],
    ] as const) {
      sockets.add(from);
      from.setNoDelay();
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    connects,
    times,
    accept: (now) => {
      accepting = now;
      if (!now) drop();
    },
    close: () => {
      server.close();
      drop();
    },
  };
}
