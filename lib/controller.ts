// One attached controller: its lifecycle, its events and its I/O. Longer than other files, because half of it documents
// public events, messages and methods.

import { EventEmitter } from 'node:events';
import { type InspectOptions, inspect } from 'node:util';
import { Admin } from './admin.js';
import { type Publish, publishTo } from './diagnostics/channels.js';
import { type HistoryEvent, historyOf } from './diagnostics/history.js';
import { latencyStats } from './diagnostics/latency.js';
import type { LineAbout } from './diagnostics/log.js';
import type { ControllerNote } from './diagnostics/notes.js';
import { codedError, SpdkError, type SpdkTypeError } from './errors/spdk-error.js';
import { asyncDispose } from './internal/disposal.js';
import { HeldEvents } from './internal/held-events.js';
import { hide } from './internal/hide.js';
import { Outcome, PendingCall, waitFor } from './internal/pending-call.js';
import { shown } from './internal/shown.js';
import { detachingError, stateError } from './internal/state-errors.js';
import { traced } from './internal/tracing.js';
import { type BouncePool, BounceQuota } from './io/bounce-pool.js';
import type { DmaMemory } from './io/dma-memory.js';
import type { OnTimeout } from './io/request.js';
import type { IoCounts, IoLimits } from './io/submission-queue.js';
import { KeyChanges } from './keys/changes.js';
import { wipeKeys } from './keys/reading.js';
import { Management } from './management.js';
import { Refresh } from './multipath/refresh.js';
import type { Namespace } from './namespace.js';
import { NamespaceList } from './namespace-list.js';
import { ignoringErrors } from './native/addon.js';
import type { NativeController, NativeResetStep } from './native/contract.js';
import {
  decodeNotification,
  notificationBytes,
  notificationPage,
  type ReservationNotification,
} from './nvme/reservations.js';
import type { PollingMode } from './options/attach.js';
import { type ChangeKeysOptions, resolveChangeKeysOptions } from './options/change-keys.js';
import { type DetachOptions, type ResolvedDetachOptions, resolveDetachOptions } from './options/detach.js';
import type { HostIdentity } from './options/host-identity.js';
import { type ResetOptions, resolveResetOptions } from './options/reset.js';
import type { TransportId } from './options/transport-id.js';
import type { QueuePair } from './queue-pair.js';
import { QueuePairSet } from './queue-pair-set.js';
import type {
  AttachReport,
  ControllerInfo,
  ControllerState,
  ControllerStats,
  DetachPhases,
  DetachReport,
  ResetReport,
} from './types.js';

// A namespace uses its controller through a small interface; the type of its member is declared here.
declare module './namespace.js' {
  interface Namespace {
    readonly controller: Controller;
  }
}

type Failure = SpdkError | SpdkTypeError;

/** A line that SPDK, DPDK or this package logged. */
export interface LogLine extends LineAbout<Controller> {
  /**
   * The controller that the line is about, or its subsystem's NQN while it is being attached. Missing if the line
   * belongs to no controller.
   */
  readonly controller?: Controller | string;
}

/** The events of a {@link Controller} and the arguments of their listeners. */
export interface ControllerEvents {
  /** The controller entered another state. To hear the states of a detach before `detached`, listen before `detach()` is called. */
  state: [state: ControllerState];
  /** The link or the target failed, and there is no further attempt to reconnect. Only `detach()` and `reset()` work. */
  failed: [error: SpdkError | SpdkTypeError];
  /** A reset began: by `reset()`, or with the reason why the connection was lost. */
  resetting: [reason: SpdkError | SpdkTypeError | undefined];
  /** An attempt to reconnect failed. Another one follows, or the event `failed`. */
  reconnectFailed: [error: SpdkError | SpdkTypeError, attempts: number];
  /** `fastIoFailTimeoutMs` is over: I/O is rejected until the controller is connected again. */
  failingFast: [];
  /** The controller is connected again, and I/O continues. */
  reset: [report: ResetReport];
  /** Namespaces appeared, vanished or changed; the argument is the new list. */
  namespaces: [namespaces: readonly Namespace[]];
  /** Another host has changed a reservation of a namespace with which this host is registered. */
  reservation: [notification: ReservationNotification];
  /** `notes` has changed. */
  notes: [notes: readonly ControllerNote[]];
  /** SPDK logged a line about this controller, of the environment's `logLevel` or more severe. */
  log: [line: LogLine];
  /** The controller is detached and all of its resources are free. */
  detached: [report: DetachReport];
}

/** The messages of the diagnostics channels about a controller. */
export interface ControllerMessages {
  /** A controller is detached and all of its resources are free. */
  'spdk-nvme:detach': { readonly controller: Controller; readonly report: DetachReport };
  /** A detach rejected: the controller is wedged. */
  'spdk-nvme:detach:error': { readonly controller: Controller; readonly error: unknown };
  /** The link or the target of a controller failed. */
  'spdk-nvme:failed': { readonly controller: Controller; readonly error: SpdkError | SpdkTypeError };
  /** A reset began. One that was requested has no reason. */
  'spdk-nvme:resetting': {
    readonly controller: Controller;
    readonly reason: SpdkError | SpdkTypeError | undefined;
  };
  /** A controller is connected again. */
  'spdk-nvme:reset': { readonly controller: Controller; readonly report: ResetReport };
}

const publish: Publish<ControllerMessages> = publishTo;
/** The time limit for detaching what no caller waits for. */
const giveBackMs = 5_000;

/** @internal What a controller shares with the others of its environment. */
export interface ControllerServices {
  readonly memory: DmaMemory;
  readonly bounce: BouncePool;
  /** The controller is detached; the events of its end have not been announced yet. */
  readonly detached: (controller: Controller) => void;
}

/** @internal The settings of the attach. */
export interface ControllerSettings {
  readonly transportId: TransportId;
  readonly host: HostIdentity;
  readonly polling: PollingMode;
  readonly maxWaiting: number;
  readonly ioTimeoutMs: number | undefined;
  readonly onTimeout: OnTimeout;
}

/**
 * An attached NVMe controller, created by `env.attach()`. Its state is kept in native code
 * (native/core/controller/controller_state.h); this object reads it there.
 */
export class Controller extends EventEmitter<ControllerEvents> implements AsyncDisposable {
  readonly transportId: TransportId;
  /** The NQN of this host. */
  readonly hostNqn: string;
  /** The host identifier, a UUID in lower case. */
  readonly hostId: string;
  /** How long each phase of its attach took. */
  readonly attachReport: AttachReport;
  readonly queuePairs: readonly QueuePair[];
  readonly admin: Admin;
  readonly management: Management;
  /** @internal */
  readonly memory: DmaMemory;
  /** @internal All events of this controller, and those of its environment about it, pass through here. */
  readonly events = new HeldEvents();
  /** @internal The events for listeners of this package, which the program's `removeAllListeners()` leaves. */
  readonly ownEvents = new EventEmitter<ControllerEvents>();
  /** @internal Called when the log of a discovery controller, or the ANA log of another one, has changed. */
  onLogChanged: () => void = () => {};
  readonly #native: NativeController;
  readonly #queues: QueuePairSet;
  readonly #namespaces: NamespaceList;
  readonly #keys: KeyChanges;
  readonly #detached: ControllerServices['detached'];
  /** One reading at a time: a controller may send events as fast as it likes. A connection that ends meanwhile takes the log with it. */
  readonly #notifications = new Refresh(0, {
    ready: () => true,
    read: () => this.#readNotifications().catch(() => {}),
  });
  #info: ControllerInfo;
  #detaching: Promise<DetachReport> | undefined;
  /** What calls of reset() wait for, by the number of the reset that answers them. */
  readonly #resets = new Map<number, Outcome<ResetReport>>();
  #failingFast = false;
  #gone = false;

  private constructor(native: NativeController, settings: ControllerSettings, services: ControllerServices) {
    super();
    this.#native = native;
    this.memory = services.memory;
    this.#detached = services.detached;
    this.transportId = settings.transportId;
    this.hostNqn = settings.host.nqn;
    this.hostId = settings.host.id;
    this.#info = Object.freeze(native.info());
    this.attachReport = Object.freeze(native.attachReport());
    this.admin = Admin.create({
      native,
      rejection: () => this.#adminRejection(),
      maxBytes: () => this.#info.maxTransferBytes,
      tagOf: (nsid) => this.#namespaces.tagOf(nsid),
    });
    this.management = Management.create({
      admin: this.admin,
      cntlid: () => this.#info.cntlid,
      maxBytes: () => this.#info.maxTransferBytes,
    });
    this.#namespaces = new NamespaceList(native, this);
    this.#keys = new KeyChanges({ native, rejection: () => this.#resetRejection() });
    this.#queues = new QueuePairSet(native, settings.polling, {
      memory: services.memory,
      bounce: new BounceQuota(services.bounce),
      maxWaiting: settings.maxWaiting,
      maxBytes: () => this.#info.maxTransferBytes,
      ioTimeoutMs: settings.ioTimeoutMs,
      onTimeout: settings.onTimeout,
      reset: () => this.#resetForTimeout(),
      owns: ({ controller }) => controller === this,
    });
    this.queuePairs = this.#queues.all;
    hide(this, 'memory', 'events', 'ownEvents', 'onLogChanged');
  }

  /** @internal Its events are held until `events.release()`. */
  static create(
    native: NativeController,
    settings: ControllerSettings,
    services: ControllerServices,
  ): Controller {
    return new Controller(native, settings, services);
  }

  /** @internal The number of this controller in the process. After another attach it has a new one. */
  get id(): number {
    return this.#native.id();
  }

  /** The controller's description from its attach or latest reset. Stays readable after a detach. */
  get info(): ControllerInfo {
    return this.#info;
  }

  get state(): ControllerState {
    return this.#native.state();
  }

  /** @internal Whether a detach was called; `state` follows when native code begins it. */
  get leaving(): boolean {
    return this.#detaching !== undefined;
  }

  /** The controller's latest list of namespaces. A changed namespace is a new object. */
  get namespaces(): readonly Namespace[] {
    return this.#namespaces.all;
  }

  /**
   * Problems of the controller that can be fixed on the target. They are read in the background and appear some
   * milliseconds after the attach. The event `notes` reports them, and the history keeps them.
   */
  get notes(): readonly ControllerNote[] {
    return this.#namespaces.notes;
  }

  /** What `JSON.stringify()` shows of it, in a line of a log for example. */
  toJSON(): Pick<Controller, 'transportId' | 'hostNqn' | 'hostId' | 'state'> {
    const { transportId, hostNqn, hostId, state } = this;
    return { transportId, hostNqn, hostId, state };
  }

  /** @internal What `console.log()` shows of it. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shown(this, depth, options);
  }

  /**
   * The latest events of the controller, oldest first: up to 64 lines of SPDK's log about it and up to 64 other events.
   * Each access reads it from native code; it stays readable after a detach.
   */
  get history(): readonly HistoryEvent[] {
    return historyOf(this.#native);
  }

  /** Counters of the I/O queue pairs since they were connected. Stay readable after a detach. */
  stats(): ControllerStats {
    const { latencies, ...stats } = this.#native.stats();
    return { pending: this.#queues.pending, ...stats, latency: latencyStats(latencies) };
  }

  /**
   * Detaches the controller: rejects new I/O, waits up to `drainMs` for outstanding operations and aborts the rest,
   * disconnects every queue pair, waits until all are quiet, and frees everything. Also works on a failed controller.
   *
   * Further calls, during or after the first, share its report. The first call decides about `drainMs` and when the
   * controller counts as wedged; each call settles by its own `timeoutMs`.
   *
   * @returns how long each phase took, and how many outstanding operations completed or were aborted
   * @throws {SpdkError} ERR_SPDK_WEDGED if SPDK has not finished after the first call's `timeoutMs`: the controller stays
   *   `wedged` and its memory allocated; everything else continues to work. ERR_SPDK_TIMEOUT if a further call allows
   *   less time than is left: the detach continues
   */
  async detach(options?: DetachOptions): Promise<DetachReport> {
    const resolved = resolveDetachOptions(options);
    return traced(
      'spdk-nvme:detach',
      () => this.#detachOrWait(resolved),
      () => ({ controller: this }),
    );
  }

  /**
   * @internal Detaches it in the background, for a caller that no longer waits for it. Another attach of the same controller waits for its
   * end, as after a cancelled attach.
   */
  giveBack(): void {
    this.detach({ drainMs: 0, timeoutMs: giveBackMs }).catch(() => {});
    ignoringErrors(() => this.#native.cancelAttach());
  }

  /**
   * Ends the connection of an attached or failed controller and makes a new one. Outstanding I/O waits and is sent
   * again, so a write may reach the target twice; outstanding raw and admin commands reject instead. Calls during a
   * reset, including one that follows a loss, share it; each settles by its own `timeoutMs`.
   *
   * @returns the number of attempts, and the times
   * @throws {SpdkError} the codes of `env.attach()` if the controller could not be connected again; it is `failed` then.
   *   ERR_SPDK_TIMEOUT if it is not connected after `timeoutMs`; it may connect later, which the event `reset` reports.
   *   ERR_SPDK_DETACHING, ERR_SPDK_CONTROLLER_DETACHED, ERR_SPDK_WEDGED if there is nothing to reset
   */
  async reset(options?: ResetOptions): Promise<ResetReport> {
    const { timeoutMs } = resolveResetOptions(options);
    const rejection = this.#resetRejection();
    if (rejection) throw rejection;
    const limits = {
      what: `Resetting ${this.#name}`,
      timeoutMs,
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      timeoutHint: 'The event `reset` or `failed` reports how it ends.',
    } as const;
    return traced(
      'spdk-nvme:reset',
      () => waitFor(this.#reset(), limits),
      () => ({ controller: this }),
    );
  }

  /**
   * Changes the DH-HMAC-CHAP keys. Change the target's keys first. All queue pairs authenticate again with the new keys, while
   * I/O waits, and later connections use them, too. Over RDMA only the admin queue authenticates again, see
   * docs/guide/authentication.md. Without a connection the new keys are used for the next one. Concurrent calls run one after
   * the other; each settles by its own `timeoutMs`, and one whose time is over before its turn changes nothing.
   *
   * @throws {SpdkError} ERR_SPDK_AUTHENTICATION_FAILED if host and controller could not authenticate each other, and
   *   ERR_SPDK_TIMEOUT if that took too long: the controller keeps its old keys, and the connection is lost unless an earlier
   *   call was still under way.
   *   ERR_SPDK_UNSUPPORTED before SPDK v24.09; ERR_SPDK_CONTROLLER_FAILED if the connection ends meanwhile;
   *   ERR_SPDK_INVALID_KEY; ERR_SPDK_DETACHING, ERR_SPDK_CONTROLLER_DETACHED or ERR_SPDK_WEDGED
   */
  async changeKeys(options: ChangeKeysOptions): Promise<void> {
    const resolved = resolveChangeKeysOptions(options);
    const change = this.#keys.change(`Changing the keys of ${this.#name}`, resolved);
    return change.finally(() => wipeKeys({ dhchap: resolved.dhchap, tls: undefined }));
  }

  async [asyncDispose](): Promise<void> {
    await this.detach();
  }

  /** @internal The limits of operations on the chosen queue pair, or on the least busy one. */
  limitsFor(chosen: unknown): IoLimits {
    return this.#queues.limitsFor(chosen);
  }

  /** @internal Whether the namespace is as it was when it was described. */
  has(namespace: Namespace): boolean {
    return this.#namespaces.has(namespace);
  }

  /** @internal Called when native code reports completions. */
  onIoCompleted(): void {
    this.#queues.reap();
  }

  /** @internal */
  onNamespacesChanged(): void {
    const changed = this.#namespaces.refresh(this.#info.maxNamespaces);
    const { namespaces, notes } = this;
    if (changed.namespaces) this.events.announce(() => this.#emit('namespaces', namespaces));
    if (changed.notes) this.events.announce(() => this.#emit('notes', notes));
  }

  /** @internal Reads the reservation notification log, when it has entries. */
  onReservationsChanged(): void {
    this.#notifications.request();
  }

  /** Each command takes one entry out of the log. */
  async #readNotifications(): Promise<void> {
    for (;;) {
      const page = await this.admin.logPage(notificationPage, notificationBytes, 0);
      const notification = decodeNotification(page);
      if (!notification) return;
      this.events.announce(() => this.#emit('reservation', notification));
      if (notification.left === 0) return;
    }
  }

  /** @internal Has a discovery controller report changes of its log on the present connection. */
  watchLog(): void {
    this.#native.watchLog();
  }

  /** @internal */
  onState(state: ControllerState): void {
    this.events.announce(() => this.#emit('state', state));
  }

  /** @internal */
  onFailed(error: Failure): void {
    this.#rejectAllIo();
    this.events.announce(() => {
      publish('spdk-nvme:failed', { controller: this, error });
      this.#emit('failed', error);
    });
  }

  /** @internal */
  onResetStep({ kind, number, failure, ...step }: NativeResetStep): void {
    const reason = failure ? SpdkError.fromNative(failure) : undefined;
    switch (kind) {
      case 'begun':
        this.#acceptIo();
        this.events.announce(() => {
          publish('spdk-nvme:resetting', { controller: this, reason });
          this.#emit('resetting', reason);
        });
        break;
      case 'attemptFailed':
        this.events.announce(() => this.#emit('reconnectFailed', reason as Failure, step.attempts));
        break;
      case 'failingFast':
        this.#failingFast = true;
        this.#rejectAllIo();
        this.events.announce(() => this.#emit('failingFast'));
        break;
      case 'done': {
        this.#info = Object.freeze(this.#native.info());
        this.#acceptIo();
        const report = Object.freeze(step);
        this.#endResets(number, (reset) => reset.resolve(report));
        this.events.announce(() => {
          publish('spdk-nvme:reset', { controller: this, report });
          this.#emit('reset', report);
        });
        break;
      }
      case 'failed':
        this.#endResets(number, (reset) => reset.reject(reason));
    }
  }

  #emit<Name extends keyof ControllerEvents>(event: Name, ...args: ControllerEvents[Name]): void {
    this.ownEvents.emit<keyof ControllerEvents>(event, ...args);
    this.emit<keyof ControllerEvents>(event, ...args);
  }

  /** An operation with `onTimeout: 'reset'` has timed out or was aborted. The events report how the reset ends. */
  #resetForTimeout(): void {
    if (this.state === 'attached' && !this.#detaching) this.reset().catch(() => {});
  }

  /** The reset that calls of reset() share: the one that is under way, or a new one. What this thread has not heard of yet may be over. */
  #reset(): Promise<ResetReport> {
    // A subscriber to the start may have done anything.
    const rejection = this.#resetRejection();
    if (rejection) throw rejection;
    let number: number;
    try {
      number = this.#native.reset();
    } catch (error) {
      throw codedError(`Resetting ${this.#name} could not begin`, error);
    }
    const reset = this.#resets.get(number) ?? new Outcome();
    this.#resets.set(number, reset);
    return reset.promise;
  }

  /** Ends what the reset with this number answers. */
  #endResets(last: number, end: (reset: Outcome<ResetReport>) => void): void {
    for (const [number, reset] of this.#resets) {
      if (number > last) continue;
      this.#resets.delete(number);
      end(reset);
    }
  }

  #rejectIo(): void {
    this.#queues.rejectNew(() => this.#rejection());
  }

  /** Rejects also what was started before this thread knew that nothing is connected. */
  #rejectAllIo(): void {
    this.#rejectIo();
    this.#queues.publish();
    this.#native.failSubmitted();
  }

  /** Unless a detach has begun, which rejects all further I/O. */
  #acceptIo(): void {
    this.#failingFast = false;
    if (!this.#detaching) this.#queues.rejectNew(null);
  }

  get #name(): string {
    return this.transportId.subnqn ?? this.transportId.traddr;
  }

  /** The error for new operations. */
  #rejection(): SpdkError {
    return stateError(this.state, this.#detaching !== undefined, this.#gone);
  }

  /** The error for a reset or a change of keys; undefined if there is something to reset. */
  #resetRejection(): SpdkError | undefined {
    const usable = ['attached', 'failed', 'resetting'].includes(this.state);
    return usable && !this.#detaching ? undefined : this.#rejection();
  }

  /** The error for new admin commands; undefined if they are accepted. */
  #adminRejection(): SpdkError | undefined {
    const usable = this.state === 'attached' || (this.state === 'resetting' && !this.#failingFast);
    return usable && !this.#detaching ? undefined : this.#rejection();
  }

  #detachOrWait(resolved: ResolvedDetachOptions): Promise<DetachReport> {
    if (!this.#detaching) return this.#detach(resolved);
    return waitFor(this.#detaching, {
      what: `Waiting for ${this.#name} to be detached`,
      timeoutMs: resolved.timeoutMs,
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      timeoutHint: 'The detach continues, within the time limit of the first call.',
    });
  }

  #detach({ drainMs, timeoutMs }: ResolvedDetachOptions): Promise<DetachReport> {
    const before = this.#queues.counts;
    const { promise } = PendingCall.start<DetachReport>(
      {
        what: `Detaching ${this.#name}`,
        timeoutMs,
        timeoutCode: 'ERR_SPDK_WEDGED',
        timeoutHint:
          'SPDK has not returned; this process can no longer use the controller, but other controllers work.',
        cancel: () => {
          this.#failPending('ERR_SPDK_WEDGED', false);
          this.#native.wedge();
        },
        explain: (report) => this.#native.stacks({ done: (nativeStack) => report({ nativeStack }) }),
      },
      (call) => {
        this.#queues.publish();
        const done = (phases: DetachPhases) => this.#onDetached(phases, before, call);
        const reportStates = this.listenerCount('state') + this.ownEvents.listenerCount('state') > 0;
        this.#native.detach({ drainMs, timeoutMs, reportStates, done });
        // Only now: if that call throws, the controller is unchanged.
        this.#detaching = call.promise;
        this.#rejectIo();
        this.#endResets(Number.POSITIVE_INFINITY, (reset) => reset.reject(detachingError()));
      },
    );
    return this.#publishingErrors(promise);
  }

  #onDetached(phases: DetachPhases, before: Readonly<IoCounts>, call: PendingCall<DetachReport>): void {
    this.#gone = true;
    const left = this.#failPending('ERR_SPDK_CONTROLLER_DETACHED', true);
    const after = this.#queues.counts;
    const report = Object.freeze({
      ...phases,
      completed: after.completed - before.completed,
      aborted: after.aborted - before.aborted + left,
    });
    // In order with events that are still held, so that the caller goes on after all of them.
    this.events.announce(() => call.resolve(report));
    this.#detached(this);
    this.events.announce(() => {
      publish('spdk-nvme:detach', { controller: this, report });
      this.#emit('detached', report);
    });
  }

  async #publishingErrors(detach: Promise<DetachReport>): Promise<DetachReport> {
    try {
      return await detach;
    } catch (error) {
      publish('spdk-nvme:detach:error', { controller: this, error });
      throw error;
    }
  }

  /** Settles all remaining operations: their queue pairs no longer exist. */
  #failPending(code: 'ERR_SPDK_WEDGED' | 'ERR_SPDK_CONTROLLER_DETACHED', gone: boolean): number {
    const why = (what: string) =>
      new SpdkError(code, `${what} had not completed when the controller was detached`);
    return this.#queues.failPending(why, gone);
  }
}
