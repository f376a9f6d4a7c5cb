// A connection to a discovery service that stays, and reports each change of the log.

import { EventEmitter } from 'node:events';
import { type InspectOptions, inspect } from 'node:util';
import type { Controller } from './controller.js';
import { ChangeFeed } from './discovery/change-feed.js';
import type { DiscoveryChange } from './discovery/changes.js';
import type { DiscoveryLog } from './discovery/log.js';
import { logOf, readLog } from './discovery/read-log.js';
import { saysNothing } from './errors/command-status.js';
import { abortError, codedError, SpdkError, type SpdkTypeError } from './errors/spdk-error.js';
import { asyncDispose } from './internal/disposal.js';
import { eventLoop } from './internal/event-loop.js';
import { HeldEvents } from './internal/held-events.js';
import { hide } from './internal/hide.js';
import { Outcome } from './internal/pending-call.js';
import { shown } from './internal/shown.js';
import { offAbort, onAbort } from './internal/signals.js';
import type { ResetReport } from './types.js';

type Failure = SpdkError | SpdkTypeError;

/** The events of a {@link DiscoveryWatch} and what their listeners get. */
export interface DiscoveryWatchEvents {
  /** The log changed. The first one, right after `env.watchDiscovery()`, is the log as it was found. */
  change: [change: DiscoveryChange];
  /** The connection was lost; the watch reconnects. */
  resetting: [reason: SpdkError | SpdkTypeError | undefined];
  /** An attempt to connect again has failed; another one follows unless `closed` does. */
  reconnectFailed: [error: SpdkError | SpdkTypeError, attempts: number];
  /** The service is connected again; its log is read again, and `change` reports the differences. */
  reset: [report: ResetReport];
  /** The log could not be read though the service is connected. It is read again after `reconnectDelayMs`. */
  readFailed: [error: SpdkError | SpdkTypeError];
  /** The watch has ended: without an error when it was closed, else with the reason. */
  closed: [error: SpdkError | SpdkTypeError | undefined];
}

/** @internal How a service is watched. */
export interface WatchSettings {
  readonly pollIntervalMs: number;
  readonly retryMs: number;
  /** The time limit of reading the log once. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Optional Asynchronous Events Supported in Identify Controller, and in Asynchronous Event Configuration. */
const oaes = 92;
const logChangeNotices = 0x8000_0000;
const eventConfiguration = 0x0b;
/** The time limit for ending the connection, which may wait for the service. */
const detachLimits = { drainMs: 0, timeoutMs: 5_000 };

/**
 * A watched discovery service. Made by `env.watchDiscovery()`. Ends by `close()`, by its signal, with its environment,
 * or when it has not reconnected within `ctrlrLossTimeoutMs`.
 */
export class DiscoveryWatch
  extends EventEmitter<DiscoveryWatchEvents>
  implements AsyncDisposable, AsyncIterable<DiscoveryChange>
{
  /** @internal The events for followers, of which there is any number, and which the program's `removeAllListeners()` leaves. */
  readonly ownEvents = new EventEmitter<Pick<DiscoveryWatchEvents, 'change' | 'closed'>>();
  readonly #controller: Controller;
  readonly #settings: WatchSettings;
  readonly #events = new HeldEvents();
  readonly #feed = new ChangeFeed();
  readonly #onSignal = (): void => void this.close().catch(() => {});
  #notified = false;
  /** Counts connections; events are enabled on each. */
  #connections = 0;
  /** The number of the connection on which they were enabled last. */
  #subscribed: number | undefined;
  #stale = false;
  #reading = false;
  #ended = false;
  #closing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(controller: Controller, settings: WatchSettings) {
    super();
    this.#controller = controller;
    this.#settings = settings;
    this.ownEvents.setMaxListeners(0);
    hide(this, 'ownEvents');
    const events = controller.ownEvents;
    controller.onLogChanged = () => this.#refresh();
    events.on('resetting', (reason) => this.#announce(() => this.emit('resetting', reason)));
    events.on('reconnectFailed', (error, attempts) =>
      this.#announce(() => this.emit('reconnectFailed', error, attempts)),
    );
    events.on('reset', (report) => {
      this.#announce(() => this.emit('reset', report));
      this.#connections++;
      this.#refresh();
    });
    events.on('failed', (error) => void this.#close(error).catch(() => {}));
    // The environment detaches it when it is closed.
    events.on('state', (state) => {
      if (!['attached', 'resetting', 'failed'].includes(state)) this.#end(undefined);
    });
  }

  /**
   * @internal Reads the log for the first time. If that fails, the connection is ended in the background.
   * @param left the rest of the caller's time in milliseconds
   */
  static async open(
    controller: Controller,
    settings: WatchSettings,
    left: () => number,
  ): Promise<DiscoveryWatch> {
    const { signal } = settings;
    const watch = new DiscoveryWatch(controller, settings);
    try {
      watch.#reading = true;
      await watch.#read(left);
      if (signal && !signal.aborted) onAbort(signal, watch.#onSignal);
      if (signal?.aborted) throw abortError(`Discovery at ${controller.transportId.traddr}`, signal);
      watch.#reading = false;
      if (watch.#stale) watch.#refresh();
      else watch.#plan();
      watch.#events.release();
      return watch;
    } catch (error) {
      watch.close().catch(() => {});
      throw codedError('Watching the discovery service failed', error);
    }
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is DiscoveryWatch {
    return typeof value === 'object' && value !== null && #controller in value;
  }

  /** The service that is watched. */
  get transportId(): DiscoveryLog['transportId'] {
    return this.#controller.transportId;
  }

  /** What `JSON.stringify()` shows of it. */
  toJSON(): Pick<DiscoveryWatch, 'transportId' | 'connected' | 'notified' | 'closed'> {
    const { transportId, connected, notified, closed } = this;
    return { transportId, connected, notified, closed };
  }

  /** @internal What `console.log()` shows of it. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shown(this, depth, options);
  }

  /** The log as it was last read. */
  get log(): DiscoveryLog {
    return this.#feed.log as DiscoveryLog;
  }

  /** Whether the service reports changes by itself; otherwise its log is read every `pollIntervalMs`. */
  get notified(): boolean {
    return this.#notified;
  }

  /** Whether there is a connection now. */
  get connected(): boolean {
    return !this.closed && this.#controller.state === 'attached';
  }

  get closed(): boolean {
    return this.#ended || this.#closing !== undefined;
  }

  /**
   * Iterates over the changes. The first one is the current log, with all entries in `added`. Changes that happen between two
   * iterations are combined into one. The loop ends with the watch; it throws only if the service was lost permanently.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<DiscoveryChange> {
    return this.#feed.read();
  }

  /**
   * Ends the watch and its connection. A second call gets the outcome of the first.
   * @throws {SpdkError} ERR_SPDK_WEDGED when SPDK did not release the connection within five seconds; the watch has
   *   ended all the same
   */
  async close(): Promise<void> {
    return this.#close(undefined);
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  #close(failure: Failure | undefined): Promise<void> {
    if (!this.#closing) {
      const end = new Outcome<void>();
      this.#closing = end.promise;
      end.follow(this.#controller.detach(detachLimits).then(() => {}));
      this.#end(failure);
    }
    return this.#closing;
  }

  #end(failure: Failure | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    eventLoop.clearTimeout(this.#timer);
    if (this.#settings.signal) offAbort(this.#settings.signal, this.#onSignal);
    this.#feed.end(failure);
    this.#events.announce(() => {
      this.ownEvents.emit('closed', failure);
      this.emit('closed', failure);
    });
  }

  /** Announces an event, unless `closed` was announced: that is the last one. */
  #announce(event: () => void): void {
    if (!this.#ended) this.#events.announce(event);
  }

  /** Reads the log now, or once more after the reading that is under way. */
  #refresh(): void {
    this.#stale = true;
    eventLoop.clearTimeout(this.#timer);
    if (!this.#reading) void this.#readAll();
  }

  async #readAll(): Promise<void> {
    const { timeoutMs, retryMs } = this.#settings;
    this.#reading = true;
    let failed = false;
    while (this.#stale && this.connected) {
      this.#stale = false;
      const end = eventLoop.now() + timeoutMs;
      try {
        await this.#read(() => Math.max(1, Math.floor(end - eventLoop.now())));
        failed = false;
      } catch (error) {
        failed = true;
        this.#onReadFailed(codedError('Reading the discovery log failed', error));
      }
    }
    this.#reading = false;
    if (failed) this.#later(retryMs);
    else this.#plan();
  }

  /** A lost connection is reported by other events. */
  #onReadFailed(error: Failure): void {
    if (!this.connected || error.code === 'ERR_SPDK_CONTROLLER_FAILED') return;
    this.#announce(() => this.emit('readFailed', error));
  }

  /** Polls a service that reports nothing. */
  #plan(): void {
    const { pollIntervalMs } = this.#settings;
    if (!this.#notified && pollIntervalMs > 0) this.#later(pollIntervalMs);
  }

  #later(ms: number): void {
    eventLoop.clearTimeout(this.#timer);
    if (this.closed) return;
    this.#timer = eventLoop.setTimeout(() => this.#refresh(), ms).unref();
  }

  async #read(left: () => number): Promise<void> {
    // Events are enabled first, so that no change is missed.
    const connection = this.#connections;
    if (this.#subscribed !== connection) {
      this.#notified = await this.#subscribe(left);
      // There may be another one by now, on which they are not.
      this.#subscribed = connection;
    }
    const { admin, transportId } = this.#controller;
    const log = logOf(transportId, await readLog(admin, left, this.#settings.signal));
    if (this.#ended) return;
    const change = this.#feed.update(log);
    if (!change) return;
    this.#announce(() => {
      this.ownEvents.emit('change', change);
      this.emit('change', change);
    });
  }

  /** Whether the service will report changes. */
  async #subscribe(left: () => number): Promise<boolean> {
    const { admin } = this.#controller;
    const { signal } = this.#settings;
    const identify = await admin.identify(1, 0, { timeoutMs: left(), signal });
    if ((identify.readUInt32LE(oaes) & logChangeNotices) === 0) return false;
    try {
      await admin.setFeature(eventConfiguration, logChangeNotices, 0, { timeoutMs: left(), signal });
    } catch (error) {
      if (error instanceof SpdkError && error.nvmeStatus && !saysNothing(error.nvmeStatus)) return false;
      throw error;
    }
    this.#controller.watchLog();
    return true;
  }
}
