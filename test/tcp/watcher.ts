import { createConnection, createServer, type Socket } from 'node:net';

/** Types of NVMe/TCP's PDUs, and the bytes of a capsule's header. */
const commandCapsule = 0x04;
const dataToTarget = 0x06;
const dataToHost = 0x07;
const commonHeader = 8;
const commandBytes = 64;
/** Opcodes (NVMe base specification, NVMe over Fabrics specification). */
const identify = 0x06;
const fabrics = 0x7f;
const connectType = 0x01;
/** Where the data of a Connect command has the host's identity. */
const connectBytes = 1024;
const hostIdBytes = 16;
const hostNqnAt = 512;

/** Who a connection says that it comes from. */
export interface SeenHost {
  readonly nqn: string;
  /** Hexadecimal digits. */
  readonly id: string;
}

export interface Watcher {
  readonly port: number;
  /** The Connect commands that have passed, admin queues' and I/O queues', in their order. */
  readonly seen: SeenHost[];
  /** Where each of them came from. */
  readonly sources: string[];
  /** Changes what the target's controllers say of themselves: the page of Identify Controller. */
  alter(change: (page: Buffer) => void): void;
  /** Ends all connections; new ones are let through. */
  cut(): void;
  close(): void;
}

/** Cuts a stream of bytes into PDUs. */
class PduReader {
  #rest: Buffer = Buffer.alloc(0);

  take(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const whole: Buffer[] = [];
    while (this.#rest.length >= commonHeader && this.#rest.length >= this.#rest.readUInt32LE(4)) {
      const length = this.#rest.readUInt32LE(4);
      whole.push(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
    }
    return whole;
  }
}

/** Between initiators and a target, at a port of its own: notes who connects, and may alter what controllers say of themselves. */
export async function watch(targetPort: number): Promise<Watcher> {
  let change: ((page: Buffer) => void) | undefined;
  const sockets = new Set<Socket>();
  const seen: SeenHost[] = [];
  const sources: string[] = [];
  const server = createServer((host) => {
    const from = host.remoteAddress ?? '';
    const target = createConnection({ port: targetPort, host: '127.0.0.1' });
    const [commands, answers] = [new PduReader(), new PduReader()];
    const asked = new Set<number>();
    /** Notes it if these bytes are the data of a Connect command, being as long as that. */
    const noteHost = (data: Buffer): void => {
      if (data.length !== connectBytes) return;
      const nqn = data.toString('utf8', hostNqnAt);
      seen.push({ nqn: nqn.slice(0, nqn.indexOf('\0')), id: data.toString('hex', 0, hostIdBytes) });
      sources.push(from);
    };
    const onCommand = (pdu: Buffer): void => {
      const type = pdu[0];
      if (type === dataToTarget) noteHost(pdu.subarray(pdu[3]));
      if (type !== commandCapsule) return;
      const command = pdu.subarray(commonHeader);
      if (command[0] === identify && command[40] === 1) asked.add(command.readUInt16LE(2));
      if (command[0] === fabrics && command[4] === connectType) noteHost(command.subarray(commandBytes));
    };
    const onAnswer = (pdu: Buffer): void => {
      const isAnswer = pdu[0] === dataToHost && asked.delete(pdu.readUInt16LE(commonHeader));
      if (isAnswer) change?.(pdu.subarray(pdu[3]));
    };
    host.on('data', (bytes: Buffer) => {
      for (const pdu of commands.take(bytes)) {
        onCommand(pdu);
        target.write(pdu);
      }
    });
    target.on('data', (bytes: Buffer) => {
      for (const pdu of answers.take(bytes)) {
        onAnswer(pdu);
        host.write(pdu);
      }
    });
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
    }
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    seen,
    sources,
    alter: (how) => {
      change = how;
    },
    cut,
    close: () => {
      server.close();
      cut();
    },
  };
}
