// One path of a subsystem: its controller from the first attempt to attach it to its detach, and what it says of its
// namespaces. Longer than other files: it is one state machine.

import { type InspectOptions, inspect } from 'node:util';
import type { Controller } from './controller.js';
import { codedError, SpdkError, type SpdkTypeError } from './errors/spdk-error.js';
import { eventLoop } from './internal/event-loop.js';
import { hide } from './internal/hide.js';
import { shown } from './internal/shown.js';
import { wipeKeys } from './keys/reading.js';
import { type AnaState, anaLogBytes, anaPage, parseAnaLog } from './multipath/ana.js';
import { isOfLostPath } from './multipath/failure.js';
import { anaNotices, type ControllerFacts, readFacts, readIds } from './multipath/identity.js';
import type { PathCounts } from './multipath/io-path.js';
import { Refresh } from './multipath/refresh.js';
import type { Namespace } from './namespace.js';
import type { NamespaceNames } from './nvme/namespace-descriptors.js';
import type { AttachOptions } from './options/attach.js';
import type { ResolvedDetachOptions } from './options/detach.js';
import type { PathSpec } from './options/subsystem.js';
import type { TransportId } from './options/transport-id.js';
import type { DetachReport } from './types.js';

type Failure = SpdkError | SpdkTypeError;

/**
 * - `connecting`: it has not been attached yet; attempts continue
 * - `up`: operations can use it
 * - `reconnecting`: its connection is lost; attempts continue
 * - `failed`: there are no more attempts; `path.controller?.reset()` makes another one, where it has a controller that is not detached;
 *   otherwise remove the path and add it again
 * - `detaching`, `detached`: it is being removed, or is removed
 */
export type PathState = 'connecting' | 'up' | 'reconnecting' | 'failed' | 'detaching' | 'detached';

/**
 * The states that may follow each. A path that has failed for good stays `failed` when its controller is detached; only a detach of the path
 * itself ends it.
 */
const following: Readonly<Record<PathState, readonly PathState[]>> = {
  connecting: ['up', 'reconnecting', 'failed', 'detaching', 'detached'],
  up: ['reconnecting', 'failed', 'detaching', 'detached'],
  reconnecting: ['up', 'failed', 'detaching', 'detached'],
  failed: ['reconnecting', 'detaching', 'detached'],
  detaching: ['detached'],
  detached: [],
};

/**
 * Whether operations go over a path that is up. Each change of its state makes it `trusted`.
 *
 * | standing         | used | a command finds it disconnected | after {@link suspicionMs}, if it reports no change |
 * | ---------------- | ---- | ------------------------------- | -------------------------------------------------- |
 * | `trusted`        | yes  | `suspected`                     |                                                    |
 * | `suspected`      | no   |                                 | `cleared`                                          |
 * | `cleared`        | yes  | `suspectedAgain`; its failures count as the command's own |                          |
 * | `suspectedAgain` | no   | its failures count as the command's own | `cleared`                                  |
 */
type Standing = 'trusted' | 'suspected' | 'cleared' | 'suspectedAgain';

/**
 * Whether operations wait for a path that is `connecting` or `reconnecting`. It is `limited` from the beginning of either, by
 * `fastIoFailTimeoutMs` (0: `unlimited`), then `over`; in all other states it is `unlimited`.
 */
type Waiting = 'unlimited' | 'limited' | 'over';

/** Counters of a path. */
export interface PathStats {
  /** How often an operation was sent over this path. */
  readonly sent: number;
  /** How many of these were sent again, over this path or another one. */
  readonly failedOver: number;
}

/** @internal A namespace as a path has it. */
export interface ListedNamespace {
  readonly namespace: Namespace;
  readonly ids: NamespaceNames;
}

/** @internal What a path needs of its subsystem. */
export interface PathServices {
  readonly attach: (spec: PathSpec, options: Pick<AttachOptions, 'signal'>) => Promise<Controller>;
  /** @throws {SpdkError} ERR_SPDK_FOREIGN_PATH */
  readonly check: (path: SubsystemPath, facts: ControllerFacts) => void;
  /** Called when its state, or what it says of its namespaces, has changed. */
  readonly changed: (path: SubsystemPath) => void;
  readonly up: (path: SubsystemPath) => void;
  readonly down: (path: SubsystemPath, error: Failure | undefined) => void;
  /** The first attempt to attach it has failed, or it has failed for good or was detached. */
  readonly firstFailed: (path: SubsystemPath, error: Failure) => void;
}

/** Errors of an attach that another attempt would have as well. */
const finalCodes: readonly string[] = [
  'ERR_SPDK_ENV_CLOSED',
  'ERR_SPDK_FOREIGN_PATH',
  'ERR_SPDK_NOT_IO_CONTROLLER',
  'ERR_SPDK_TRANSPORT_UNAVAILABLE',
  'ERR_SPDK_UNSUPPORTED',
];
const asyncEventConfiguration = 0x0b;
const hostBehavior = 0x16;
const hostBehaviorBytes = 512;
/** How long a path is not used after a command found it disconnected, unless it reports its state before. */
const suspicionMs = 100;
/** The pause before a command that the controller could not complete is sent again. */
const askAgainMs = 500;
/** Detaching a controller that no caller gets. */
const giveBack = { drainMs: 0, timeoutMs: 5_000 };

/** Ignores that a controller does not take a feature that a path works without. */
async function unlessRejected(set: () => Promise<unknown>): Promise<void> {
  try {
    await set();
  } catch (error) {
    if (!(error instanceof SpdkError && error.nvmeStatus) || isOfLostPath(error)) throw error;
  }
}

/** A path of an attached {@link Subsystem}. */
export class SubsystemPath {
  readonly transportId: TransportId;
  /** The local address that it connects from, if one was given. */
  readonly sourceAddress: string | undefined;
  /** @internal */
  readonly spec: PathSpec;
  /** @internal */
  readonly counts: PathCounts = { sent: 0, failedOver: 0 };
  /** @internal Its namespaces, when they were last listed; undefined before. */
  listed: readonly ListedNamespace[] | undefined;
  /** @internal Counts the lists of all paths. */
  listedAt = 0;
  /** @internal */
  preferred: boolean;
  readonly #services: PathServices;
  readonly #ids = new WeakMap<Namespace, NamespaceNames>();
  readonly #ending = new AbortController();
  #state: PathState = 'connecting';
  #controller: Controller | undefined;
  #error: Failure | undefined;
  #facts: ControllerFacts | undefined;
  #factsHold = false;
  /** Since when its controller has been another one than it was; undefined if it is not. */
  #foreignSince: number | undefined;
  #ana: ReadonlyMap<number, AnaState> = new Map();
  /** Counts connections: what was asked on an earlier one does not matter. */
  #connections = 0;
  #connecting: Promise<void> | undefined;
  #wake: () => void = () => {};
  readonly #anaLog = new Refresh(askAgainMs, {
    ready: () => this.#state === 'up' && this.reportsAna,
    read: () => this.#refreshAna(),
  });
  readonly #list = new Refresh(askAgainMs, {
    ready: () => this.#state === 'up',
    read: () => this.#refreshList(),
  });
  #waiting: Waiting = 'unlimited';
  #waitingLimit: NodeJS.Timeout | undefined;
  #standing: Standing = 'trusted';
  #suspicion: NodeJS.Timeout | undefined;
  #preparing: NodeJS.Timeout | undefined;

  private constructor(spec: PathSpec, services: PathServices) {
    this.spec = spec;
    this.transportId = spec.transportId;
    this.sourceAddress = spec.options.sourceAddress;
    this.preferred = spec.preferred;
    this.#services = services;
    hide(this, 'spec', 'counts', 'listed', 'listedAt', 'preferred');
  }

  /** @internal */
  static create(spec: PathSpec, services: PathServices): SubsystemPath {
    return new SubsystemPath(spec, services);
  }

  get state(): PathState {
    return this.#state;
  }

  /** The controller of this path, for its description, statistics and admin commands; undefined while there is none. */
  get controller(): Controller | undefined {
    return this.#controller;
  }

  /**
   * Why the path is not up; if it is up, why it could not read the ANA log or the namespaces the last time. Undefined if nothing
   * has failed.
   */
  get error(): SpdkError | SpdkTypeError | undefined {
    if (this.#error || this.#state !== 'up') return this.#error;
    const [ana, list] = [this.#anaLog.failure, this.#list.failure];
    if (ana !== undefined) return codedError('Reading the ANA log failed', ana);
    return list === undefined ? undefined : codedError('Identifying the namespaces failed', list);
  }

  /** Counters since the path was added. `controller.stats()` has those of its queue pairs. */
  stats(): PathStats {
    return { ...this.counts };
  }

  /** The ANA state of a namespace on this path; undefined if the controller does not report ANA. */
  ana(namespaceId: number): AnaState | undefined {
    if (!this.#facts?.reportsAna) return undefined;
    return this.#ana.get(namespaceId) ?? 'inaccessible';
  }

  /** What `JSON.stringify()` shows of it. */
  toJSON(): Pick<SubsystemPath, 'transportId' | 'sourceAddress' | 'state'> {
    const { transportId, sourceAddress, state } = this;
    return { transportId, sourceAddress, state };
  }

  /** @internal What `console.log()` shows of it. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shown(this, depth, options);
  }

  /** @internal */
  get usable(): boolean {
    return this.#state === 'up' && (this.#standing === 'trusted' || this.#standing === 'cleared');
  }

  /** @internal */
  get connected(): boolean {
    return this.#state === 'up';
  }

  /** @internal */
  get ended(): boolean {
    return this.#state === 'detached';
  }

  /** @internal */
  get givenUp(): boolean {
    return this.#state === 'failed' || this.#state === 'detached';
  }

  /** @internal */
  get returning(): boolean {
    if (this.#state === 'up') return true;
    return (this.#state === 'connecting' || this.#state === 'reconnecting') && this.#waiting !== 'over';
  }

  /** @internal */
  get falselySuspected(): boolean {
    return this.#standing === 'cleared' || this.#standing === 'suspectedAgain';
  }

  /** @internal */
  get reportsAna(): boolean {
    return this.#facts?.reportsAna ?? false;
  }

  /** @internal */
  get transitionMs(): number {
    return this.#facts?.transitionMs ?? 0;
  }

  /** @internal What its controller said of itself when it was last connected, unless that connection is lost. */
  get facts(): ControllerFacts | undefined {
    return this.#factsHold ? this.#facts : undefined;
  }

  /** @internal */
  retryDelayMs(crd: number): number {
    return this.#facts?.retryDelaysMs[crd - 1] ?? 0;
  }

  /** @internal */
  suspect(): void {
    if (!this.usable) return;
    this.#standing = this.#standing === 'cleared' ? 'suspectedAgain' : 'suspected';
    this.#suspicion = eventLoop.setTimeout(() => {
      this.#standing = 'cleared';
      this.#services.changed(this);
    }, suspicionMs);
    this.#services.changed(this);
  }

  /** @internal Begins to attach it. */
  start(): void {
    this.#limitWaiting();
    // From then on native code has the keys.
    this.#connecting = this.#connect().finally(() => wipeKeys(this.spec.options));
  }

  /** @internal Ends it, whatever its state. */
  async detach(limits: ResolvedDetachOptions): Promise<DetachReport | undefined> {
    this.#ending.abort();
    this.#wake();
    // Nothing will use the keys of a path that has not been started.
    if (!this.#connecting) wipeKeys(this.spec.options);
    this.#enter('detaching', undefined);
    try {
      // An attach that is under way settles immediately, and its controller is ended in the background.
      await this.#connecting;
      return await this.#controller?.detach(limits);
    } finally {
      this.#enter('detached', undefined);
    }
  }

  async #connect(): Promise<void> {
    const { ctrlrLossTimeoutMs, reconnectDelayMs, stopOnRejection } = this.spec.options;
    const { signal } = this.#ending;
    const begun = eventLoop.now();
    for (let attempts = 1; !signal.aborted; attempts++) {
      const attempted = eventLoop.now();
      try {
        this.#adopt(await this.#services.attach(this.spec, { signal }));
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = codedError('Attaching the path failed', thrown);
        this.#error = error;
        const next = Math.max(attempted + reconnectDelayMs, eventLoop.now());
        const rejected = stopOnRejection && error instanceof SpdkError && error.nvmeStatus?.dnr;
        const last = rejected || finalCodes.includes(error.code) || next > begun + ctrlrLossTimeoutMs;
        if (last || ctrlrLossTimeoutMs === 0) this.#enter('failed', error);
        if (attempts === 1) this.#services.firstFailed(this, error);
        if (this.#state === 'failed') return;
        await this.#pause(next - eventLoop.now());
      }
    }
  }

  /** Waits until the next attempt; a detach ends the wait. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = eventLoop.setTimeout(resolve, ms).unref();
      this.#wake = () => {
        eventLoop.clearTimeout(timer);
        resolve();
      };
    });
  }

  #adopt(controller: Controller): void {
    const events = controller.ownEvents;
    this.#controller = controller;
    controller.onLogChanged = () => this.#anaLog.request();
    events.on('resetting', (reason) => this.#enter('reconnecting', reason));
    events.on('reconnectFailed', (error) => {
      this.#error = error;
    });
    events.on('reset', () => void this.#prepare(controller));
    events.on('failed', (error) => this.#enter('failed', error));
    events.on('namespaces', () => this.#list.request());
    events.on('state', (state) => {
      if (state === 'wedged' || state === 'draining') this.#enter('detaching', undefined);
    });
    events.on('detached', () => this.#enter('detached', undefined));
    void this.#prepare(controller);
  }

  /** Reads what has to be known of a new connection before operations use it. */
  async #prepare(controller: Controller): Promise<void> {
    eventLoop.clearTimeout(this.#preparing);
    const connection = ++this.#connections;
    const stale = () => connection !== this.#connections || controller.state !== 'attached';
    try {
      const { timeoutMs } = this.spec.options;
      const facts = await readFacts(controller.admin, timeoutMs);
      if (stale()) return;
      this.#services.check(this, facts);
      this.#facts = facts;
      this.#factsHold = true;
      this.#foreignSince = undefined;
      await this.#subscribe(controller, facts);
      // Read after the controller was asked to report changes, so that none is missed.
      if (facts.reportsAna) this.#ana = await this.#askAna(controller, facts);
      const listed = await this.#askNamespaces(controller);
      if (stale()) return;
      this.#keep(listed);
      this.#enter('up', undefined);
      if (this.#list.due || controller.namespaces.length !== listed.length) this.#list.request();
      if (this.#anaLog.due) this.#anaLog.request();
    } catch (thrown) {
      if (stale()) return;
      const error = codedError('Preparing the path failed', thrown);
      this.#error = error;
      if (finalCodes.includes(error.code) && !this.#mayBeRestarted(error)) {
        this.#enter('failed', error);
        await controller.detach(giveBack).catch(() => {});
        return;
      }
      this.#preparing = eventLoop.setTimeout(() => void this.#prepare(controller), askAgainMs).unref();
    }
  }

  /**
   * Whether the target of a path that has been up before may have been restarted with another identity, and another path has not lost
   * its connection yet.
   */
  #mayBeRestarted({ code }: Failure): boolean {
    if (code !== 'ERR_SPDK_FOREIGN_PATH' || !this.#facts) return false;
    this.#foreignSince ??= eventLoop.now();
    return eventLoop.now() < this.#foreignSince + this.spec.options.ctrlrLossTimeoutMs;
  }

  async #subscribe(controller: Controller, facts: ControllerFacts): Promise<void> {
    const { admin } = controller;
    const { timeoutMs } = this.spec.options;
    if (facts.reportsAna && facts.notifiesAna) {
      // Without notices the ANA log is read when a command ends with an ANA status.
      await unlessRejected(async () => {
        const enabled = await admin.getFeature(asyncEventConfiguration, 0, { timeoutMs });
        const wanted = (enabled | anaNotices) >>> 0;
        await admin.setFeature(asyncEventConfiguration, wanted, 0, { timeoutMs });
      });
    }
    // Only a host that says that it can wait is asked to.
    if (facts.retryDelaysMs.some((ms) => ms > 0)) {
      const data = Buffer.alloc(hostBehaviorBytes);
      data[0] = 1;
      await unlessRejected(() => admin.send({ opcode: 0x09, cdw: [hostBehavior], data }, { timeoutMs }));
    }
  }

  async #askAna(controller: Controller, facts: ControllerFacts): Promise<ReadonlyMap<number, AnaState>> {
    const { timeoutMs } = this.spec.options;
    const bytes = anaLogBytes(facts.anaGroups, facts.anaNamespaces);
    return parseAnaLog(await controller.admin.logPage(anaPage, bytes, undefined, { timeoutMs }));
  }

  /** @internal Reads the ANA log now, or once more after the reading that is under way. */
  readAna(): void {
    this.#anaLog.request();
  }

  async #refreshAna(): Promise<void> {
    const controller = this.#controller;
    const facts = this.#facts;
    if (!controller || !facts) return;
    const connection = this.#connections;
    const ana = await this.#askAna(controller, facts);
    // The next connection has read its own.
    if (connection !== this.#connections) return;
    this.#ana = ana;
    this.#services.changed(this);
  }

  async #refreshList(): Promise<void> {
    const controller = this.#controller;
    if (!controller) return;
    this.#keep(await this.#askNamespaces(controller));
    // A new namespace may be of a group that the last log did not name it in.
    if (this.reportsAna) this.#anaLog.request();
    this.#services.changed(this);
  }

  async #askNamespaces(controller: Controller): Promise<readonly ListedNamespace[]> {
    const { timeoutMs } = this.spec.options;
    return Promise.all(
      controller.namespaces.map(async (namespace) => {
        const known = this.#ids.get(namespace);
        const ids = known ?? (await readIds(controller.admin, namespace, timeoutMs));
        this.#ids.set(namespace, ids);
        return { namespace, ids };
      }),
    );
  }

  #keep(listed: readonly ListedNamespace[]): void {
    this.listed = listed;
    this.listedAt = eventLoop.now();
  }

  #enter(state: PathState, error: Failure | undefined): void {
    const before = this.#state;
    const ends = state === 'detaching' || state === 'detached';
    if (!following[before].includes(state)) return;
    if (before === 'failed' && ends && !this.#ending.signal.aborted) return;
    this.#state = state;
    this.#error = error;
    this.#factsHold &&= state === 'up';
    eventLoop.clearTimeout(this.#suspicion);
    this.#standing = 'trusted';
    if (state === 'reconnecting') this.#limitWaiting();
    else this.#unlimitWaiting();
    if (state === 'up') this.#services.up(this);
    else if (before === 'up' || state === 'failed') this.#services.down(this, error);
    else this.#services.changed(this);
    if (state === 'failed' || ends) this.#reportEnd(error);
  }

  #reportEnd(error: Failure | undefined): void {
    if (this.#ending.signal.aborted) return;
    const detached = () =>
      new SpdkError('ERR_SPDK_CONTROLLER_DETACHED', 'The controller of the path was detached');
    this.#services.firstFailed(this, error ?? detached());
  }

  #limitWaiting(): void {
    const { fastIoFailTimeoutMs } = this.spec.options;
    this.#unlimitWaiting();
    if (fastIoFailTimeoutMs === 0) return;
    this.#waiting = 'limited';
    this.#waitingLimit = eventLoop
      .setTimeout(() => {
        this.#waiting = 'over';
        this.#services.changed(this);
      }, fastIoFailTimeoutMs)
      .unref();
  }

  #unlimitWaiting(): void {
    eventLoop.clearTimeout(this.#waitingLimit);
    this.#waiting = 'unlimited';
  }
}
