// One controller in memory. Longer than other files: it is the state machine of native code in one file, and each
// call of the contract.

import { eventLoop } from '../internal/event-loop.js';
import type {
  NativeAbortOutcome,
  NativeAbortRequest,
  NativeAdminRequest,
  NativeAttachRequest,
  NativeController,
  NativeControllerStats,
  NativeHistoryEvent,
  NativeKeyChangeRequest,
  NativeNamespaceInfo,
  NativeQueuePair,
} from '../native/contract.js';
import type { AttachReport, ControllerInfo, ControllerState, DetachPhases } from '../types.js';
import { AdminQueue } from './admin-queue.js';
import { Connection } from './connection.js';
import { Connector } from './connector.js';
import { type DetachSettings, detachSteps } from './detach.js';
import type { MemoryTargetFaults } from './faults.js';
import { MemoryHistory } from './history.js';
import { watchKeepAlive } from './keep-alive.js';
import { hostKeys, keyFailure } from './keys.js';
import { Life } from './life.js';
import { MemoryQueuePair, type RingHost } from './queue-pair.js';
import type { MemoryRegions } from './regions.js';
import { resetSteps } from './reset.js';
import type { Scheduler } from './scheduler.js';
import type { ControllerServices, SteppedController } from './services.js';
import { statsOf } from './stats.js';
import { errno } from './statuses.js';
import type { MemorySubsystem } from './subsystem.js';
import type { Violations } from './violations.js';

type Failure = Parameters<NativeAttachRequest['failed']>[0];

const lostLink = (message: string): Failure => ({ code: 'ERR_SPDK_CONTROLLER_FAILED', message });
let lastId = 0;

/** native/core/controller/controller.h: one controller, with a control thread that is timers. */
export class MemoryController implements NativeController, RingHost, SteppedController {
  readonly request: NativeAttachRequest;
  readonly memory: MemoryRegions;
  readonly scheduler: Scheduler;
  readonly violations: Violations;
  readonly name: string;
  readonly life = new Life();
  readonly admins: AdminQueue;
  /** How often it has reported a failure. */
  failures = 0;
  rings: MemoryQueuePair[] = [];
  givenUp = false;
  /** Whether a call wants it detached. */
  leaving = false;
  #stuck = false;
  #target: MemoryTargetFaults | undefined;
  readonly #id = ++lastId;
  readonly #services: ControllerServices;
  readonly #connector: Connector;
  readonly #history = new MemoryHistory();
  readonly #begun = eventLoop.now();
  readonly #detachWaiters: ((phases: DetachPhases) => void)[] = [];
  readonly #whenFinished: (() => void)[] = [];
  #connection: Connection | undefined;
  #endWatch: (() => void) | undefined;
  #endKeyChange: ((failure: Failure | null) => void) | undefined;
  #failing: (() => void) | undefined;
  #info: ControllerInfo | undefined;
  #namespaces: NativeNamespaceInfo[] = [];
  #attachReport: AttachReport = {
    ...{ waitMs: 0, addressMs: 0, controllerMs: 0, queuePairsMs: 0, describeMs: 0, totalMs: 0 },
  };
  #reporting = false;
  #resetting = false;
  #resetsEnded = 0;
  #detaching = false;
  #finished = false;

  constructor(request: NativeAttachRequest, services: ControllerServices) {
    this.request = request;
    this.#services = services;
    this.memory = services.memory;
    this.scheduler = services.scheduler;
    this.violations = services.violations;
    this.name = `controller ${this.#id}`;
    this.admins = new AdminQueue(services.scheduler, services.channel);
    this.#connector = new Connector(request, services);
    this.#history.add('state', 'attaching');
    this.#connector.connect((failure, subsystem) => this.#attached(failure, subsystem));
  }

  id(): number {
    return this.#id;
  }

  state(): ControllerState {
    return this.life.state;
  }

  attachReport(): AttachReport {
    return { ...this.#attachReport };
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** A call into SPDK does not return: its control thread gets nowhere until it is not set any more. */
  get stuck(): boolean {
    return this.#stuck || (this.#target?.wedged ?? false);
  }

  set stuck(stuck: boolean) {
    this.#stuck = stuck;
  }

  connection(): Connection | undefined {
    return this.#connection;
  }

  history(): NativeHistoryEvent[] {
    return this.#history.events();
  }

  info(): ControllerInfo {
    if (!this.#info) throw new Error('asked before the controller was attached');
    return { ...this.#info };
  }

  namespaces(): NativeNamespaceInfo[] {
    return structuredClone(this.#namespaces);
  }

  hiddenNamespaces(): number[] {
    return [];
  }

  queuePairs(): NativeQueuePair[] {
    return [...this.rings];
  }

  stats(): NativeControllerStats {
    return statsOf(this.rings);
  }

  admin(request: NativeAdminRequest): () => void {
    return this.admins.add(request, () => this.#connection);
  }

  abort({ queuePair, slot, done }: NativeAbortRequest): void {
    const settle = (outcome: NativeAbortOutcome) => this.post(() => done(outcome));
    this.scheduler.after(0, () => {
      const ring = this.rings[queuePair];
      if (ring && this.#connection) ring.abort(slot, settle);
      else settle('notFound');
    });
  }

  detach(request: DetachSettings & { done: (phases: DetachPhases) => void }): void {
    this.leaving = true;
    this.admins.leave();
    this.#connector.cancel();
    this.#detachWaiters.push(request.done);
    this.scheduler.after(0, () => this.#startDetach(request));
  }

  reset(): number {
    const number = this.#resetsEnded + 1;
    this.scheduler.after(0, () => {
      // Answered by the one that was under way.
      if (this.#resetsEnded >= number) return;
      const { state } = this.life;
      if (state === 'attached' || state === 'failed') this.#startReset(null);
    });
    return number;
  }

  changeKeys({ keys, timeoutMs, done }: NativeKeyChangeRequest): void {
    const { dhchapKey, dhchapControllerKey } = hostKeys(keys);
    const changed = { ...this.#connector.keys, dhchapKey, dhchapControllerKey };
    const end = (failure: Failure | null): void => {
      if (this.#endKeyChange !== end) return;
      this.#endKeyChange = undefined;
      limit();
      if (!failure) this.#connector.keys = changed;
      this.post(() => done(failure));
      if (failure) this.#lost(failure.message);
    };
    const limit = this.scheduler.after(timeoutMs, () =>
      end({
        code: 'ERR_SPDK_TIMEOUT',
        message: 'the controller did not authenticate with the new keys in time',
      }),
    );
    this.#endKeyChange = end;
    this.scheduler.after(0, () => {
      const connection = this.#connection;
      if (this.leaving)
        return end({ code: 'ERR_SPDK_DETACHING', message: 'the controller is being detached' });
      if (!connection) return end(null);
      connection.subsystem.target.respond(() => end(keyFailure(changed, connection.subsystem.keys)));
    });
  }

  watchLog(): void {
    this.scheduler.after(0, () => this.#connection?.watchLog());
  }

  stacks({ done }: { done: (text: string) => void }): void {
    this.scheduler.after(10, () =>
      this.post(() => done(`${this.name}: ${this.stuck ? 'stuck' : this.life.state}`)),
    );
  }

  cancelAttach(): void {
    this.givenUp = true;
    // The attach may just have succeeded.
    if (this.life.state === 'attached') {
      this.scheduler.after(0, () => this.#startDetach({ drainMs: 0, timeoutMs: 1_000 }));
    }
  }

  forceDisconnect(): void {
    this.#connector.cancel();
  }

  /** The rings here fail a command as soon as it is published. */
  failSubmitted(): void {}

  wedge(): void {
    if (this.life.advance('wedged')) this.tellState();
  }

  /** Reports that commands have completed on some ring. */
  completed(): void {
    if (this.#reporting) return;
    this.#reporting = true;
    this.post(() => {
      this.#reporting = false;
      this.request.ioCompleted();
    });
  }

  /** Runs something on the JavaScript thread, in order. */
  post(task: () => void): void {
    this.#services.channel.post(task);
  }

  /** Calls once the control thread has ended. */
  whenFinished(listener: () => void): void {
    if (this.#finished) listener();
    else this.#whenFinished.push(listener);
  }

  enter(state: ControllerState): boolean {
    // A step after a wedge is not reported, but its work is done.
    if (!this.life.advance(state)) return false;
    this.tellState();
    return true;
  }

  tellState(): void {
    const { state } = this.life;
    this.#history.add('state', state);
    this.post(() => this.request.stateChanged(state));
  }

  note(kind: string, text: string, code?: string): void {
    this.#history.add(kind, text, code);
  }

  fail(failure: Failure): boolean {
    if (!this.life.advance('failed')) return false;
    this.failures++;
    this.note('failure', failure.message, failure.code);
    this.tellState();
    this.post(() => this.request.failed(failure));
    return true;
  }

  /** Ends the connection and all of its outstanding commands. */
  endConnection(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#endWatch?.();
    this.#endWatch = undefined;
    this.#endKeyChange?.(lostLink('the connection ended before the keys were changed'));
    connection?.end();
    this.admins.abort();
    for (const ring of this.rings) ring.lostConnection();
  }

  /** A connection for the controller, made by its connector. */
  establish(done: (failure: Failure | null) => void): void {
    this.#connector.connect((failure, subsystem) => {
      if (subsystem) this.#serve(subsystem);
      done(failure);
    });
  }

  holdIo(holding: boolean): void {
    for (const ring of this.rings) ring.hold(holding);
  }

  failPending(error: number): void {
    for (const ring of this.rings) ring.failPending(error);
  }

  /** Ends new I/O with ENXIO, until the controller is connected or detached. */
  failIo(intervalMs: number): void {
    this.#stopFailing();
    this.failPending(errno.ENXIO);
    this.#failing = this.scheduler.after(intervalMs, () => this.failIo(intervalMs));
  }

  #stopFailing(): void {
    this.#failing?.();
    this.#failing = undefined;
  }

  #attached(failure: Failure | null, subsystem: MemorySubsystem | undefined): void {
    if (!subsystem) {
      this.#endAttach('detached', failure);
      this.#finish();
      return;
    }
    const connectedAt = eventLoop.now();
    this.#serve(subsystem);
    const { ioQueues, queueDepth } = this.info();
    const capacity = 2 ** Math.ceil(Math.log2(queueDepth));
    const { polling, discovery } = this.request;
    for (let i = 0; i < ioQueues && !discovery; i++) {
      this.rings.push(new MemoryQueuePair(this, capacity, polling, i % this.#services.pollers));
    }
    this.holdIo(this.reconnects);
    const now = eventLoop.now();
    const times = { controllerMs: connectedAt - this.#begun, queuePairsMs: now - connectedAt };
    this.#attachReport = { ...this.#attachReport, ...times, totalMs: now - this.#begun };
    this.#endAttach('attached', null);
    if (this.givenUp) this.#startDetach({ drainMs: 0, timeoutMs: 1_000 });
  }

  /** The first report about a controller, and the only one of this state. */
  #endAttach(outcome: ControllerState, failure: Failure | null): void {
    if (this.life.advance(outcome)) this.#history.add('state', outcome);
    this.post(() => this.request.attached(failure));
  }

  get reconnects(): boolean {
    return this.request.ctrlrLossTimeoutMs > 0;
  }

  #serve(subsystem: MemorySubsystem): void {
    const connection = new Connection(subsystem, this.request.hostId, {
      lost: (why) => this.#lost(why),
      namespacesChanged: () => this.#readNamespaces(connection),
      logChanged: () => this.post(() => this.request.logChanged()),
      reservationsChanged: () => this.post(() => this.request.reservationsChanged()),
    });
    this.#connection = connection;
    this.#target = subsystem.target;
    this.#stopFailing();
    this.#namespaces = connection.identify();
    this.#info = subsystem.controllerInfo(this.request.ioQueues, this.request.queueDepth);
    this.holdIo(this.reconnects);
    for (const ring of this.rings) ring.wake();
    this.#endWatch = watchKeepAlive(subsystem.target, this.scheduler, this.request.keepAliveMs, () =>
      this.#lost('a Keep Alive was not completed'),
    );
  }

  #readNamespaces(connection: Connection): void {
    this.#namespaces = connection.identify();
    this.post(() => this.request.namespacesChanged());
  }

  #lost(why: string): void {
    if (this.life.state !== 'attached' || this.stuck) return;
    const failure = lostLink(why);
    this.note('connection-lost', why);
    if (this.reconnects) {
      this.#startReset(failure);
      return;
    }
    if (!this.fail(failure)) return;
    this.endConnection();
    this.failIo(10);
  }

  #startReset(cause: Failure | null): void {
    if (this.#resetting || this.#detaching || this.leaving) return;
    this.#resetting = true;
    this.#stopFailing();
    resetSteps(this, this.#resetsEnded + 1, cause, () => {
      this.#resetting = false;
      this.#resetsEnded++;
    });
  }

  #startDetach(settings: DetachSettings): void {
    if (this.#detaching) return;
    if (this.#finished) {
      // Attaching failed, or it was detached without a request.
      return;
    }
    this.#detaching = true;
    this.#stopFailing();
    detachSteps(this, settings, (phases) => {
      this.#finish();
      for (const done of this.#detachWaiters.splice(0)) this.post(() => done(phases));
    });
  }

  #finish(): void {
    this.#finished = true;
    for (const listener of this.#whenFinished.splice(0)) listener();
  }
}
