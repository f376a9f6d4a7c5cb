import { createConnection, createServer, type Socket } from 'node:net';
import { PduReader } from './pdu.js';

/** Keeps all that initiators send from now on: from this PDU on, or from the next one on. */
export type Hold = 'this' | 'next' | undefined;

/** Sees the PDUs of one connection, and may change them, or drop those of the host. */
export interface Hooks {
  fromHost?(pdu: Buffer): Hold | 'drop';
  /** Sees the target's PDUs. They are passed on even if the host's are held back. */
  fromTarget?(pdu: Buffer): Hold;
}

export interface ProxyOptions {
  readonly targetPort: number;
  /** The address of the proxy and of the target. @default 127.0.0.1 */
  readonly address?: string;
  /** Gives what is done with the PDUs of a new connection, which comes from an address, by this socket. */
  readonly hooks: (source: string, host: Socket) => Hooks;
}

/** Between initiators and a target, at a port of its own: passes everything on, PDU by PDU. */
export class PduProxy {
  /** When each connection was accepted, in milliseconds of performance.now(). */
  readonly times: number[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((host) => this.#connect(host));
  readonly #options: Required<ProxyOptions>;
  readonly #kept: [Socket, Buffer][] = [];
  #holding = false;
  #released = false;
  #accepting = true;
  #tellHeld = () => {};
  /** Settles when the target said what hooks hold for, or when something was kept. */
  readonly held = new Promise<void>((resolve) => {
    this.#tellHeld = resolve;
  });

  private constructor(options: ProxyOptions) {
    this.#options = { address: '127.0.0.1', ...options };
  }

  static async start(options: ProxyOptions): Promise<PduProxy> {
    const proxy = new PduProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, proxy.#options.address, resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Passes on what was held back, and everything from now on without the hooks. */
  release(): void {
    this.#released = true;
    this.#holding = false;
    for (const [to, pdu] of this.#kept.splice(0)) to.write(pdu);
  }

  /** False ends all connections and rejects further ones; true accepts connections again. */
  accept(accepting: boolean): void {
    this.#accepting = accepting;
    if (!accepting) this.cut();
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #connect(host: Socket): void {
    this.times.push(performance.now());
    if (!this.#accepting) {
      host.destroy();
      return;
    }
    const { address, targetPort, hooks } = this.#options;
    const { fromHost, fromTarget } = hooks(host.remoteAddress ?? '', host);
    const target = createConnection({ port: targetPort, host: address });
    this.#pass(host, target, (pdu) => {
      const hold = fromHost?.(pdu);
      if (hold === 'drop') return 'drop';
      if (hold === 'this') this.#hold();
      const kept = this.#holding;
      if (hold === 'next') this.#hold();
      if (kept) this.#tellHeld();
      return kept ? 'keep' : 'pass';
    });
    this.#pass(target, host, (pdu) => {
      if (fromTarget?.(pdu)) {
        this.#hold();
        this.#tellHeld();
      }
      return 'pass';
    });
  }

  #hold(): void {
    if (!this.#released) this.#holding = true;
  }

  /** @param see is given each PDU, and says what to do with it */
  #pass(from: Socket, to: Socket, see: (pdu: Buffer) => 'pass' | 'keep' | 'drop'): void {
    const reader = new PduReader();
    this.#sockets.add(from);
    from.setNoDelay();
    from.on('data', (bytes: Buffer) => {
      for (const pdu of reader.take(bytes)) {
        const what = see(pdu);
        if (what === 'keep') this.#kept.push([to, pdu]);
        else if (what === 'pass') to.write(pdu);
      }
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
