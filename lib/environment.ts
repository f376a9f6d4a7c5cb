// SPDK in this process and its controllers: the public methods. Longer than other files, because a third of it
// documents public methods.

import { EventEmitter } from 'node:events';
import { type InspectOptions, inspect } from 'node:util';
import { type AttachAllOptions, type AttachAllReport, attachAll } from './attach-all.js';
import type { Controller, ControllerMessages, LogLine } from './controller.js';
import { type Publish, publishTo } from './diagnostics/channels.js';
import { LogRelay } from './diagnostics/log.js';
import type { DiscoveryLog } from './discovery/log.js';
import type { DiscoveryWatch } from './discovery-watch.js';
import { closeEnvironment, waitForEnvironment } from './environment-closing.js';
import { EnvironmentControllers } from './environment-controllers.js';
import { type DiscoveryServices, openDiscoveryWatch, readDiscoveryLog } from './environment-discovery.js';
import { openEnvironment } from './environment-opening.js';
import { type EnvironmentStats, environmentStats } from './environment-stats.js';
import type { SpdkErrorCode } from './errors/catalogue.js';
import { type SpdkError, SpdkTypeError } from './errors/spdk-error.js';
import { asyncDispose } from './internal/disposal.js';
import { eventLoop } from './internal/event-loop.js';
import { hide } from './internal/hide.js';
import { Outcome, waitForClose } from './internal/pending-call.js';
import { Sharing } from './internal/sharing.js';
import { shown } from './internal/shown.js';
import { closedError, pcieError } from './internal/state-errors.js';
import { traced } from './internal/tracing.js';
import { BouncePool } from './io/bounce-pool.js';
import { type DmaBuffer, DmaMemory } from './io/dma-memory.js';
import { wipeKeys } from './keys/reading.js';
import { ignoringErrors, native } from './native/addon.js';
import type { NativeEnvironment } from './native/contract.js';
import { checkInteger } from './options/arguments.js';
import { type AttachOptions, type ResolvedAttachOptions, resolveAttachOptions } from './options/attach.js';
import type { DiscoverOptions, WatchDiscoveryOptions } from './options/discover.js';
import {
  type CloseOptions,
  type EnvironmentOptions,
  type EnvironmentRequest,
  type ResolvedEnvironmentOptions,
  readEnvironmentRequest,
  resolveCloseOptions,
} from './options/environment.js';
import {
  type HostFiles,
  type HostIdentity,
  hostIdentity,
  hyphenated,
  type MachineIdentity,
  machineFiles,
} from './options/host-identity.js';
import { wipedIfThrown } from './options/key-source.js';
import { sourcesOf } from './options/keys.js';
import type { SubsystemOptions, SubsystemPathOptions } from './options/subsystem.js';
import {
  checkAttachable,
  parseTransportId,
  type TransportId,
  type TransportIdObject,
} from './options/transport-id.js';
import { EnvironmentShare } from './shared-environment.js';
import { Subsystem, type SubsystemMessages } from './subsystem.js';

const readMachineFiles = machineFiles();

/** The events of an {@link Environment} and the arguments of their listeners. */
export interface EnvironmentEvents {
  /** SPDK or DPDK logged a line of the environment's `logLevel` or more severe. */
  log: [line: LogLine];
  attached: [controller: Controller];
  detached: [controller: Controller];
  /** A controller's link or target failed. It stays in `controllers` until it is detached. */
  failed: [controller: Controller, error: SpdkError | SpdkTypeError];
}

/** The messages of each channel of `node:diagnostics_channel`; docs/guide/diagnosis.md describes them. */
export interface DiagnosticsMessages extends ControllerMessages, SubsystemMessages {
  /** A controller was attached. */
  'spdk-nvme:attach': { readonly controller: Controller; readonly ms: number };
  /** An attach rejected. Options that were rejected before it began are not reported. */
  'spdk-nvme:attach:error': {
    readonly transportId: TransportId;
    readonly error: unknown;
    readonly ms: number;
  };
}

const publish: Publish<DiagnosticsMessages> = publishTo;

/** The codes of errors that a closing environment causes, by ending connections. Bad input, a time limit and a signal have others. */
const endOfConnection: ReadonlySet<string> = new Set<SpdkErrorCode>([
  'ERR_SPDK_IO_FAILED',
  'ERR_SPDK_DETACHING',
  'ERR_SPDK_CONTROLLER_DETACHED',
  'ERR_SPDK_CONTROLLER_FAILED',
  'ERR_SPDK_NO_PATH',
]);
/** A transport id for the check of options that do not depend on it. */
const anywhere: TransportId = { trtype: 'TCP', adrfam: 'IPv4', traddr: '127.0.0.1', trsvcid: '4420' };
const bytesPerMb = 1 << 20;
/** Bounce memory may use half of `memoryMb`, and streams a quarter; the rest is for buffers and controllers. */
const poolBytesPerMb = 1 << 19;
const streamBytesPerMb = 1 << 18;

/**
 * SPDK in one JavaScript thread: its poller threads, its controllers, its buffers. Each thread, the main one and every
 * worker, can have one at a time. They share the one SPDK of the process and its memory, and nothing else.
 */
export class Environment extends EventEmitter<EnvironmentEvents> implements AsyncDisposable {
  readonly #native: NativeEnvironment;
  readonly #log: LogRelay<Controller>;
  readonly #memory: DmaMemory;
  readonly #controllers: EnvironmentControllers;
  readonly #subsystems = new Set<Subsystem>();
  /** @internal Called when it begins to close. */
  readonly ends = new Set<() => void>();
  readonly #discovery: DiscoveryServices = {
    machine: () => this.#machineIdentity(),
    isClosed: () => this.closed,
    connect: (what, service, resolved, machine) => this.#connect(what, service, resolved, machine, true),
  };
  #closing: Promise<void> | undefined;

  private constructor(nativeEnvironment: NativeEnvironment, log: LogRelay<Controller>, memoryMb: number) {
    // A program in JavaScript can call it, though it is private.
    if (!(log instanceof LogRelay)) {
      throw new SpdkTypeError('An environment is not made with `new`; use `await Environment.init()`');
    }
    super();
    hide(this, 'ends');
    this.#log = log;
    this.#native = nativeEnvironment;
    this.#memory = new DmaMemory(nativeEnvironment, memoryMb * streamBytesPerMb);
    const bounce = new BouncePool(this.#memory, memoryMb * poolBytesPerMb);
    this.#controllers = new EnvironmentControllers(
      nativeEnvironment,
      log,
      { memory: this.#memory, bounce },
      {
        attached: (controller) => this.emit('attached', controller),
        detached: (controller) => this.emit('detached', controller),
        failed: (controller, error) => this.emit('failed', controller, error),
      },
    );
  }

  /**
   * Starts SPDK and its poller threads.
   *
   * DPDK can be started only once in a process, with every SPDK release. A further `init`, after `close()` or in another
   * thread, therefore uses the memory of the first one and cannot reserve more.
   *
   * @throws {SpdkError} ERR_SPDK_ADDON_MISSING, ERR_SPDK_ADDON_BROKEN, ERR_SPDK_ENV_ALREADY_OPEN,
   *   ERR_SPDK_ENV_NOT_REUSABLE, ERR_SPDK_NO_HUGEPAGES, ERR_SPDK_NO_PERMISSION, ERR_SPDK_ENV_INIT_FAILED, or for bad
   *   options the codes of {@link EnvironmentOptions}
   */
  static async init(options?: EnvironmentOptions): Promise<Environment> {
    return Environment.#init(readEnvironmentRequest(options));
  }

  /**
   * Returns a share of one environment, for several libraries in the same process. The first share opens the environment with
   * its options; closing the last share closes it. An option of a later share must have the value that the environment
   * already has; options that it omits are not checked. While the environment is being closed, a new share waits and then
   * opens another one.
   *
   * A share that is never closed keeps the environment open. Shares belong to one thread and one copy of this package.
   *
   * @throws {SpdkError} ERR_SPDK_CONFLICTING_OPTIONS, naming the option that differs; or as `init`:
   *   ERR_SPDK_ENV_ALREADY_OPEN if an environment is open that is not shared
   */
  static async shared(options?: EnvironmentOptions): Promise<SharedEnvironment> {
    const { wanted, given } = readEnvironmentRequest(options);
    const { resource, release } = await sharing.hold(wanted, given, (resolved) =>
      Environment.#init({ wanted: resolved, given }),
    );
    return EnvironmentShare.create(resource, release);
  }

  static #init(request: EnvironmentRequest): Promise<Environment> {
    const { wanted, given } = request;
    const log = new LogRelay<Controller>(wanted.log, wanted.logLevel);
    return openEnvironment(request, log, (opened) => {
      // The default is more than there is where another environment has started SPDK with less.
      const thereMb = given.includes('memoryMb')
        ? wanted.memoryMb
        : opened.memoryUse().totalBytes / bytesPerMb;
      const environment = new Environment(opened, log, Math.min(wanted.memoryMb, Math.floor(thereMb)));
      log.listener = environment;
      return environment;
    });
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is Environment {
    return typeof value === 'object' && value !== null && #native in value;
  }

  /** The controllers that are attached, resetting, failed or being detached. */
  get controllers(): readonly Controller[] {
    return this.#controllers.list;
  }

  /** The subsystems of {@link attachSubsystem} that are not detached. Their controllers are in `controllers`. */
  get subsystems(): readonly Subsystem[] {
    return [...this.#subsystems];
  }

  /** What `JSON.stringify()` shows of it. */
  toJSON(): Pick<Environment, 'controllers' | 'closed'> {
    return { controllers: this.controllers, closed: this.closed };
  }

  /** @internal What `console.log()` shows of it. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shown(this, depth, options);
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Attaches an NVMe controller and connects its I/O queue pairs.
   *
   * @param id SPDK's string, or an object with the same keys; see `parseTransportId`
   * @throws {SpdkError} ERR_SPDK_TIMEOUT or ERR_SPDK_ABORTED at its time limit or abort, even if SPDK has not returned.
   *   SPDK cannot cancel an attach: it ends in the background, and if it succeeds the controller is detached immediately.
   *   ERR_SPDK_UNREACHABLE, ERR_SPDK_CONNECT_REJECTED (with `nvmeStatus`), ERR_SPDK_NO_IO_QUEUES,
   *   ERR_SPDK_NOT_IO_CONTROLLER, ERR_SPDK_NO_RDMA_DEVICE or ERR_SPDK_ATTACH_FAILED if it failed.
   *   ERR_SPDK_ALREADY_ATTACHED or ERR_SPDK_DETACHING if the same controller is in use; after a cancelled attach the call
   *   waits instead. For bad options the codes of {@link AttachOptions}
   */
  async attach(id: string | TransportIdObject, options?: AttachOptions): Promise<Controller> {
    const transportId = checkAttachable(parseTransportId(id));
    const machine = this.#machineIdentity();
    const resolved = resolveAttachOptions(options, transportId, machine);
    try {
      return await this.#attach(transportId, resolved, machine);
    } finally {
      wipeKeys(resolved);
    }
  }

  async #attach(
    transportId: TransportId,
    resolved: ResolvedAttachOptions,
    machine: MachineIdentity,
  ): Promise<Controller> {
    if (this.closed) throw closedError();
    if (transportId.trtype === 'PCIe') throw pcieError();
    const begun = eventLoop.now();
    try {
      const what = `Attaching ${transportId.subnqn}`;
      const connect = () => this.#connect(what, transportId, resolved, machine, false);
      const attached = await traced('spdk-nvme:attach', connect, () => ({ transportId }));
      publish('spdk-nvme:attach', { controller: attached, ms: eventLoop.now() - begun });
      return attached;
    } catch (error) {
      publish('spdk-nvme:attach:error', { transportId, error, ms: eventLoop.now() - begun });
      throw error;
    }
  }

  /**
   * Attaches an NVM subsystem over several paths: any mix of transports, addresses and local addresses. Resolves as soon
   * as one path is up; the others are attached at the same time and come up later.
   *
   * @param paths transport ids of one subsystem, or objects with a path's own settings; 1 to 64
   * @throws {SpdkError} without attaching anything: ERR_SPDK_CONFLICTING_OPTIONS for paths of different subsystems, the
   *   same path twice or options that contradict each other, and the codes of {@link attach} for bad input.
   *   ERR_SPDK_NO_PATH if each path failed, ERR_SPDK_TIMEOUT (`cause.errors` of both has the errors of the paths that failed),
   *   ERR_SPDK_ABORTED: everything is detached again, in the background if the time is over or the signal has fired. Another attach waits
   *   for that
   */
  async attachSubsystem(
    paths: readonly (string | TransportIdObject | SubsystemPathOptions)[],
    options?: SubsystemOptions,
  ): Promise<Subsystem> {
    const machine = this.#machineIdentity();
    const attaching = Subsystem.attach(paths, options, {
      memory: this.#memory,
      detached: (gone) => this.#subsystems.delete(gone),
      check: (attach, id) => {
        const resolved = resolveAttachOptions(attach, id, machine);
        return wipedIfThrown(sourcesOf(resolved), () => {
          if (this.closed) throw closedError();
          if (id.trtype === 'PCIe') throw pcieError();
          return resolved;
        });
      },
      attach: ({ transportId, options: resolved }, { signal }) => {
        // The subsystem holds what waits for a path: I/O of a lost path ends immediately and goes out over another one.
        const fastIoFailTimeoutMs = resolved.ctrlrLossTimeoutMs > 0 ? 1 : 0;
        return this.#attach(transportId, { ...resolved, fastIoFailTimeoutMs, signal }, machine);
      },
    });
    const subsystem = await this.#whileOpen(attaching);
    if (this.closed) {
      // Since its first path came up: close() did not know of it.
      await subsystem.detach().catch(() => {});
      throw closedError();
    }
    if (!subsystem.detached) this.#subsystems.add(subsystem);
    return subsystem;
  }

  async #connect(
    what: string,
    transportId: TransportId,
    resolved: ResolvedAttachOptions,
    machine: MachineIdentity,
    discovery: boolean,
  ): Promise<Controller> {
    if (this.closed) throw closedError();
    const host = identityOf(resolved, machine);
    const identified = { ...resolved, hostNqn: host.nqn, hostId: host.id };
    return this.#controllers.connect({ what, transportId, resolved: identified, discovery });
  }

  /**
   * Reads a target's discovery log and, with `referralDepth`, those of the services that it refers to. Its connections have ended
   * when it settles, unless `timeoutMs` is over or the signal has fired: then they end in the background.
   *
   * @param id as for {@link attach}; without `subnqn` that of the discovery controller that every target has
   * @throws {SpdkError} as {@link attach}, with one `timeoutMs` for all of it; ERR_SPDK_NOT_DISCOVERY_CONTROLLER,
   *   ERR_SPDK_INVALID_DISCOVERY_LOG, ERR_SPDK_LOG_PAGE_CHANGED; ERR_SPDK_IO_FAILED with the target's status
   */
  async discover(id: string | TransportIdObject, options?: DiscoverOptions): Promise<DiscoveryLog> {
    return this.#whileOpen(readDiscoveryLog(id, options, this.#discovery));
  }

  /**
   * Watches a discovery service: stays connected, reconnects after a loss, and reports each change of
   * the log. The first change is the log as it was found.
   *
   * @param id as for {@link discover}
   * @throws {SpdkError} as {@link discover}, if the service cannot be connected or its log cannot be read the first time
   */
  async watchDiscovery(
    id: string | TransportIdObject,
    options?: WatchDiscoveryOptions,
  ): Promise<DiscoveryWatch> {
    return this.#whileOpen(openDiscoveryWatch(id, options, this.#discovery));
  }

  /**
   * Attaches every subsystem of a discovery log that this host has not attached yet. A failed attach does
   * not affect the others.
   *
   * @param from a log, which includes the logs of its referrals, or a service whose log is read first, as {@link discover} does
   * @returns the entries attached, attached before, failed and left out
   * @throws {SpdkError} ERR_SPDK_ABORTED when the signal fires: what this call has attached is detached in the background.
   *   ERR_SPDK_ENV_CLOSED; as {@link discover} when the log cannot be read; or bad input
   */
  async attachAll(
    from: DiscoveryLog | string | TransportIdObject,
    options?: AttachAllOptions,
  ): Promise<AttachAllReport> {
    return attachAll(from, options, {
      discover: (id, discovering) => this.discover(id, discovering),
      attach: (id, attaching) => this.attach(id, attaching),
      controllers: () => this.controllers,
      check: ({ sourceAddress: _, ...wanted }) => {
        const machine = this.#machineIdentity();
        const { dhchap, tls, ...resolved } = resolveAttachOptions(wanted, anywhere, machine);
        return { identity: identityOf(resolved, machine), keys: { dhchap, tls } };
      },
      checkOpen: () => {
        if (this.closed) throw closedError();
      },
    });
  }

  /**
   * Allocates zeroed memory that controllers access directly: I/O with it copies nothing.
   * @param bytes 1 to 4294967295
   * @throws {SpdkError} ERR_SPDK_NO_MEMORY, ERR_SPDK_ENV_CLOSED, or for a bad size
   */
  allocate(bytes: number): DmaBuffer {
    if (this.closed) throw closedError();
    return this.#memory.allocateBuffer(checkInteger(bytes, 'bytes', 1, 0xffff_ffff));
  }

  /**
   * Counters of the poller threads and the attached controllers. A call takes some microseconds for each controller, so
   * it may be made every second.
   */
  stats(): EnvironmentStats {
    const { controllers } = this;
    return environmentStats(
      this.#native.memoryUse(),
      this.#native.pollerStats(),
      controllers,
      this.#controllers.discoveryConnections,
    );
  }

  /**
   * Cancels pending attaches, detaches every subsystem and controller, and ends all threads. SPDK keeps its memory until the process
   * ends. Further calls, during or after the first, share its result. The first call decides how long SPDK may take;
   * each call settles by its own `timeoutMs`.
   * @throws {SpdkError} ERR_SPDK_WEDGED if SPDK still uses a controller or a thread after the first call's `timeoutMs`.
   *   ERR_SPDK_TIMEOUT if a further call allows less time than is left: closing continues
   */
  async close(options?: CloseOptions): Promise<void> {
    const { timeoutMs } = resolveCloseOptions(options);
    if (!this.#closing) {
      const { subsystems } = this;
      const end = new Outcome<void>();
      // Set before the detaches, whose subscribers may close the environment, too.
      this.#closing = end.promise;
      end.follow(closeEnvironment(this.#native, this.#controllers, subsystems, timeoutMs, closedError()));
      for (const close of this.ends) ignoringErrors(close);
      return waitForEnvironment(this.#closing, timeoutMs);
    }
    return waitForClose(this.#closing, 'the environment', timeoutMs);
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  /** If the environment is closed meanwhile, that is the reason for what its connections then report. */
  async #whileOpen<Result>(work: Promise<Result>): Promise<Result> {
    const { closed } = this;
    try {
      return await work;
    } catch (error) {
      const ended = this.closed && !closed && endOfConnection.has((error as Partial<SpdkError>).code ?? '');
      throw ended ? closedError() : error;
    }
  }

  /**
   * The machine's identity, looked at for each attach, since it may have been configured after the last one. The files are looked at
   * when the identity is needed: not for an attach that names the host itself.
   */
  #machineIdentity(): MachineIdentity {
    let files: HostFiles | undefined;
    const read = (): HostFiles => {
      if (files) return files;
      files = readMachineFiles();
      for (const problem of files.problems) this.#log.warnOnce(problem);
      return files;
    };
    return {
      get nqn() {
        return read().nqn;
      },
      get id() {
        return read().id;
      },
    };
  }
}

/** Returns who this host is to a target, when it connects with these options. */
function identityOf(
  wanted: Pick<AttachOptions, 'hostNqn' | 'hostId'>,
  machine: MachineIdentity,
): HostIdentity {
  const { hostNqn, hostId } = wanted;
  return hostIdentity({ hostNqn, hostId }, machine, hyphenated(native().processHostId));
}

/** A holder's share of an {@link Environment}; see `Environment.shared()`. */
export type SharedEnvironment = EnvironmentShare<Environment>;

const sharing = new Sharing<Environment, ResolvedEnvironmentOptions, CloseOptions>();
