import { createConnection, createServer, type Socket } from 'node:net';

/** Opcode of all fabrics commands, and their types (NVMe over Fabrics specification). */
const fabricsCommand = 0x7f;
const propertySet = 0x00;
const propertyGet = 0x04;
/** Properties of a controller. */
const capabilities = 0x00;
const configuration = 0x14;
/** CC.EN and CC.SHN (NVMe base specification, "Controller Configuration"). */
const enableBit = 0x1;
const shutdownBits = 0xc000;
/** Asynchronous event "namespace attribute changed", in dword 0 of its completion: a notice, and the log page to read. */
const namespacesChanged = 0x04_00_02;
/** Capsules of NVMe/TCP, and the bytes before the queue's entry in them. */
const commandCapsule = 0x04;
const responseCapsule = 0x05;
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

/** A controller is told to shut down, which SPDK does at the end of a detach. */
export const asksForShutdown = (value: number): boolean => (value & shutdownBits) !== 0;

/** A controller is enabled, in the middle of a connect. */
export const enables = (value: number): boolean => (value & enableBit) !== 0 && !asksForShutdown(value);

/** Where the queue entries of the capsules of a kind begin in these bytes, which hold whole ones. */
function* entriesIn(bytes: Buffer, capsule: number): Generator<number> {
  for (let at = 0; at + commonHeader < bytes.length; ) {
    if (bytes[at] === capsule) yield at + commonHeader;
    at += Math.max(commonHeader, bytes.readUInt32LE(at + 4));
  }
}

/** Where the fabrics commands of a type for a property begin. */
function* commandsIn(bytes: Buffer, type: number, property: number): Generator<number> {
  for (const entry of entriesIn(bytes, commandCapsule)) {
    const isIt =
      bytes[entry] === fabricsCommand &&
      bytes[entry + 4] === type &&
      bytes.readUInt32LE(entry + 44) === property;
    if (isIt) yield entry;
  }
}

/** What is written in these bytes to a controller's configuration. */
function configurationsIn(bytes: Buffer): number[] {
  return [...commandsIn(bytes, propertySet, configuration)].map((entry) => bytes.readUInt32LE(entry + 48));
}

/** Has the target claim that it needs this many half seconds to become ready (CAP.TO). */
class SlowReadiness {
  readonly #asked = new Set<number>();

  constructor(readonly halfSeconds: number) {}

  seeCommands(bytes: Buffer): void {
    for (const entry of commandsIn(bytes, propertyGet, capabilities)) {
      this.#asked.add(bytes.readUInt16LE(entry + 2));
    }
  }

  alterAnswers(bytes: Buffer): void {
    for (const entry of entriesIn(bytes, responseCapsule)) {
      if (this.#asked.delete(bytes.readUInt16LE(entry + 12))) bytes[entry + 3] = this.halfSeconds;
    }
  }
}

/** What a proxy looks for in the bytes that it passes on. */
interface Watch {
  /** Whether the host's bytes are held back from now on. */
  fromHost?(bytes: Buffer): boolean;
  fromTarget?(bytes: Buffer): boolean;
  /** Holds back the host's bytes that were found too. */
  readonly holdIt: boolean;
}

/**
 * Listens on a port of its own; holds back all that the initiator sends after the first write to a controller's configuration that is
 * chosen, and with `holdIt` that too. With `readyHalfSeconds` the target claims to be that slow.
 */
export function holdAt(
  targetPort: number,
  chosen: (value: number) => boolean,
  { holdIt, readyHalfSeconds }: { readonly holdIt: boolean; readonly readyHalfSeconds?: number },
): Promise<Proxy> {
  return holdWhen(targetPort, () => {
    const readiness = readyHalfSeconds === undefined ? undefined : new SlowReadiness(readyHalfSeconds);
    return {
      holdIt,
      fromHost: (bytes) => {
        readiness?.seeCommands(bytes);
        return configurationsIn(bytes).some(chosen);
      },
      fromTarget: (bytes) => {
        readiness?.alterAnswers(bytes);
        return false;
      },
    };
  });
}

/** Holds back all that the initiator sends from the moment on that the target has announced a change of its namespaces. */
export function holdAfterNamespaceEvent(targetPort: number): Promise<Proxy> {
  const fromTarget = (bytes: Buffer) =>
    [...entriesIn(bytes, responseCapsule)].some((entry) => bytes.readUInt32LE(entry) === namespacesChanged);
  return holdWhen(targetPort, () => ({ holdIt: false, fromTarget }));
}

async function holdWhen(targetPort: number, watch: () => Watch): Promise<Proxy> {
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
    const { fromHost, fromTarget, holdIt } = watch();
    for (const [from, to] of [
      [host, target],
      [target, host],
    ] as const) {
      sockets.add(from);
      from.setNoDelay();
      from.on('data', (bytes: Buffer) => {
        const seen = (from === host ? fromHost : fromTarget)?.(bytes) ?? false;
        const found = seen && !holding && !done;
        if (found) {
          holding = true;
          if (from === target) tell();
        }
        // What the target still has to say is let through.
        if (!holding || from === target || (found && !holdIt)) {
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
