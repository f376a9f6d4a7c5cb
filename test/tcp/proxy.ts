import { createConnection, createServer, type Socket } from 'node:net';

/** Opcode of all fabrics commands, and the type of Property Set (NVMe over Fabrics specification). */
const fabricsCommand = 0x7f;
const propertySet = 0x00;
const controllerConfiguration = 0x14;
/** CC.SHN: a shutdown is asked for. */
const shutdownBits = 0xc000;
/** A command capsule of NVMe/TCP, and the bytes before the submission queue entry in it. */
const commandCapsule = 0x04;
const commonHeader = 8;

/** Between an initiator and a target: passes everything on until it holds it back. */
export interface Proxy {
  readonly port: number;
  /** Settles when something was held back. */
  readonly held: Promise<void>;
  /** Passes on what was held, and everything from now on. */
  release(): void;
  close(): void;
}

/** Whether a controller is told in these bytes to shut down, which SPDK does at the end of a detach. */
function asksForShutdown(bytes: Buffer): boolean {
  for (let at = 0; at + commonHeader + 64 <= bytes.length; ) {
    const entry = at + commonHeader;
    if (
      bytes[at] === commandCapsule &&
      bytes[entry] === fabricsCommand &&
      bytes[entry + 4] === propertySet &&
      bytes.readUInt32LE(entry + 44) === controllerConfiguration &&
      (bytes.readUInt32LE(entry + 48) & shutdownBits) !== 0
    ) {
      return true;
    }
    at += Math.max(commonHeader, bytes.readUInt32LE(at + 4));
  }
  return false;
}

/** Listens on a port of its own; holds back the first shutdown of a controller, and all that comes after it. */
export async function holdShutdown(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const kept: [Socket, Buffer][] = [];
  let holding = false;
  let done = false;
  let tell = () => {};
  const held = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const server = createServer((host) => {
    const target = createConnection({ port: targetPort, host: '127.0.0.1' });
    for (const [from, to] of [
      [host, target],
      [target, host],
    ] as const) {
      sockets.add(from);
      from.setNoDelay();
      from.on('data', (bytes: Buffer) => {
        holding ||= !done && from === host && asksForShutdown(bytes);
        if (!holding) {
          to.write(bytes);
          return;
        }
        kept.push([to, bytes]);
        tell();
      });
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    held,
    release: () => {
      holding = false;
      done = true;
      for (const [to, bytes] of kept.splice(0)) to.write(bytes);
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
