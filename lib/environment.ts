import { EventEmitter } from 'node:events';
import { checkInteger } from './arguments.js';
import { BouncePool } from './bounce-pool.js';
import { Controller, type ControllerServices } from './controller.js';
import { publish } from './diagnostics.js';
import { type DmaBuffer, DmaMemory } from './dma-memory.js';
import { abortError, type NativeFailure, SpdkError } from './errors.js';
import { type LogLine, LogRelay, logLevels } from './log.js';
import { type ControllerState, type NativeEnvironment, native } from './native.js';
import { Operation } from './operation.js';
import {
  type AttachOptions,
  type CloseOptions,
  type EnvironmentOptions,
  resolveAttachOptions,
  resolveCloseOptions,
  resolveEnvironmentOptions,
} from './options.js';
import { type EnvironmentStats, environmentStats } from './stats.js';
import {
  checkAttachable,
  formatTransportId,
  parseTransportId,
  type TransportIdObject,
} from './transport-id.js';

/** The events of an {@link Environment} and what their listeners get. */
export interface EnvironmentEvents {
  /** SPDK or DPDK logged a line of the level asked for. */
  log: [line: LogLine];
  attached: [controller: Controller];
  detached: [controller: Controller];
  /** A controller's link or target died; it still has to be detached. */
  failed: [controller: Controller, error: Error];
}

/** The longest that DPDK may take to start: it clears all of its hugepages. */
const openLimitMs = 120_000;
/** An attach that was given up has so long to end by itself, which spares the target a broken connection. */
const breakOffMs = 1_000;
/** What closing may take beyond the detaches: joining threads that have nothing left to do. */
const closeGraceMs = 1_000;

/**
 * SPDK in this process: its memory, its poller threads, its controllers. One at a time in a process, whichever
 * thread of Node it is in.
 */
export class Environment extends EventEmitter<EnvironmentEvents> implements AsyncDisposable {
  readonly #native: NativeEnvironment;
  readonly #log: LogRelay;
  readonly #services: ControllerServices;
  readonly #controllers = new Set<Controller>();
  readonly #attaching = new Set<Operation<Controller>>();
  #closing: Promise<void> | undefined;

  private constructor(nativeEnvironment: NativeEnvironment, log: LogRelay) {
    super();
    this.#log = log;
    this.#native = nativeEnvironment;
    const memory = new DmaMemory(nativeEnvironment);
    this.#services = { memory, bounce: new BouncePool(memory) };
  }

  /**
   * Starts SPDK and its poller threads.
   *
   * DPDK can be started once in a process, on every SPDK release. After `close()` a further `init` therefore takes
   * over the memory of the first one, and may not ask for more.
   *
   * @throws {SpdkError} ERR_SPDK_ADDON_MISSING, ERR_SPDK_ADDON_BROKEN, ERR_SPDK_ENV_ALREADY_OPEN,
   *   ERR_SPDK_ENV_NOT_REUSABLE, ERR_SPDK_NO_HUGEPAGES, ERR_SPDK_NO_PERMISSION, ERR_SPDK_ENV_INIT_FAILED, or for bad
   *   options as {@link EnvironmentOptions} says
   */
  static async init(options?: EnvironmentOptions): Promise<Environment> {
    const resolved = resolveEnvironmentOptions(options);
    const addon = native();
    const log = new LogRelay(resolved.log);
    const operation = new Operation<Environment>({
      what: 'Starting SPDK',
      timeoutMs: openLimitMs,
      timeoutCode: 'ERR_SPDK_ENV_INIT_FAILED',
      timeoutHint: 'DPDK does not come back; end this process.',
      giveUp: () => {},
    });
    addon.open({
      name: resolved.name,
      memoryMb: resolved.memoryMb,
      pollers: resolved.pollers,
      alwaysSpin: resolved.idle === 'spin',
      idleSleepUs: resolved.idleSleepUs,
      connectConcurrency: resolved.connectConcurrency,
      logLevel: logLevels.indexOf(resolved.logLevel),
      onLog: (line) => log.pass(line),
      opened: (failure, opened) => {
        if (failure || !opened) {
          operation.reject(SpdkError.fromNative(failure ?? unexplained));
          return;
        }
        const environment = new Environment(opened, log);
        log.listener = environment;
        operation.resolve(environment);
      },
    });
    return operation.promise;
  }

  /** The controllers that are attached, failed or being detached. */
  get controllers(): readonly Controller[] {
    return [...this.#controllers];
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Attaches an NVMe controller and connects its I/O queue pairs.
   *
   * @param id SPDK's string, or an object with the same keys; see `parseTransportId`
   * @throws {SpdkError} on time, even while SPDK still waits: ERR_SPDK_TIMEOUT or ERR_SPDK_ABORTED. SPDK cannot
   *   cancel an attach, so it ends in the background, and a controller that comes of it is detached at once.
   *   ERR_SPDK_UNREACHABLE, ERR_SPDK_CONNECT_REJECTED (with `nvmeStatus`), ERR_SPDK_NO_IO_QUEUES,
   *   ERR_SPDK_NO_RDMA_DEVICE or ERR_SPDK_ATTACH_FAILED say why it failed; ERR_SPDK_ALREADY_ATTACHED and
   *   ERR_SPDK_DETACHING that the same controller is in use; or bad input as {@link AttachOptions} says
   */
  async attach(id: string | TransportIdObject, options?: AttachOptions): Promise<Controller> {
    const transportId = checkAttachable(parseTransportId(id));
    const resolved = resolveAttachOptions(options, transportId);
    if (this.closed) throw closedError();
    if (transportId.trtype === 'PCIe') {
      throw new SpdkError(
        'ERR_SPDK_TRANSPORT_UNAVAILABLE',
        'This package attaches over fabrics; a PCIe device would have to be taken from the kernel first',
      );
    }
    const what = `Attaching ${transportId.subnqn}`;
    const { signal } = resolved;
    if (signal?.aborted) throw abortError(what, signal);

    const begun = performance.now();
    let controller: Controller | undefined;
    const operation = new Operation<Controller>({
      what,
      timeoutMs: resolved.timeoutMs,
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      timeoutHint: 'Check the address, the port and the network, or allow more with timeoutMs.',
      signal,
      giveUp: () => {
        nativeController?.giveUp();
        setTimeout(() => nativeController?.breakOff(), breakOffMs).unref();
      },
    });
    this.#attaching.add(operation);
    const nativeController = this.#native.attach({
      transportId: formatTransportId(transportId),
      hostNqn: resolved.hostNqn ?? '',
      hostId: (resolved.hostId ?? '').replaceAll('-', '').toLowerCase(),
      sourceAddress: resolved.sourceAddress ?? '',
      sourcePort: resolved.sourcePort === undefined ? '' : String(resolved.sourcePort),
      ioQueues: resolved.ioQueues,
      queueDepth: resolved.queueDepth,
      keepAliveMs: resolved.keepAliveMs,
      timeoutMs: resolved.timeoutMs,
      inlinePolling: resolved.polling === 'inline',
      reconnectDelayMs: resolved.reconnectDelayMs,
      ctrlrLossTimeoutMs: Math.min(resolved.ctrlrLossTimeoutMs, 0xffff_ffff),
      fastIoFailTimeoutMs: resolved.fastIoFailTimeoutMs,
      ioCompleted: () => controller?.onIoCompleted(),
      namespacesChanged: () => controller?.onNamespacesChanged(),
      attached: (failure) => {
        // An attach that nobody waits for any more is ended by native code, whatever came of it.
        if (operation.settled) return;
        if (failure || !nativeController) {
          operation.reject(SpdkError.fromNative(failure ?? unexplained));
          return;
        }
        const settings = {
          transportId,
          inlinePolling: resolved.polling === 'inline',
          maxWaiting: resolved.maxWaiting,
        };
        controller = new Controller(nativeController, settings, this.#services);
        this.#adopt(controller, this.#log.introduce(nativeController, controller));
        operation.resolve(controller);
      },
      stateChanged: (state) => this.#onState(controller, state),
      failed: (failure) => this.#onFailed(controller, failure),
      resetStep: (step) => controller?.onResetStep(step),
    });
    try {
      const attached = await operation.promise;
      publish('spdk-nvme:attach', { controller: attached, ms: performance.now() - begun });
      return attached;
    } catch (error) {
      publish('spdk-nvme:attach:error', { transportId, error, ms: performance.now() - begun });
      throw error;
    } finally {
      this.#attaching.delete(operation);
    }
  }

  /**
   * Allocates zeroed memory that controllers reach directly: I/O with it copies nothing.
   * @param bytes 1 to 4294967295
   * @throws {SpdkError} ERR_SPDK_NO_MEMORY, ERR_SPDK_ENV_CLOSED, or for a bad size
   */
  allocate(bytes: number): DmaBuffer {
    if (this.closed) throw closedError();
    return this.#services.memory.allocateBuffer(checkInteger(bytes, 'bytes', 1, 0xffff_ffff));
  }

  /**
   * What the poller threads and the attached controllers have done so far. Takes some microseconds for each
   * controller, so that it may be asked every second.
   */
  stats(): EnvironmentStats {
    return environmentStats(this.#native.memoryUse(), this.#native.pollerStats(), this.controllers);
  }

  /**
   * Gives up pending attaches, detaches every controller, and ends all threads. SPDK keeps its memory until the
   * process ends. Calls share one promise.
   * @throws {SpdkError} ERR_SPDK_WEDGED when SPDK did not let go of a controller within `timeoutMs`
   */
  close(options?: CloseOptions): Promise<void> {
    this.#closing ??= this.#close(resolveCloseOptions(options).timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (const operation of this.#attaching) operation.reject(closedError());
    const drainMs = Math.min(1_000, timeoutMs);
    const detaches = [...this.#controllers].map((controller) => controller.detach({ drainMs, timeoutMs }));
    const outcomes = await Promise.allSettled(detaches);

    const left = Math.max(0, Math.round(deadline - performance.now())) + closeGraceMs;
    const operation = new Operation<{ clean: boolean; nativeStack: string }>({
      what: 'Closing the environment',
      timeoutMs: left + closeGraceMs,
      timeoutCode: 'ERR_SPDK_WEDGED',
      timeoutHint: 'SPDK has not returned from an operation; end this process when it suits you.',
      giveUp: () => {},
    });
    this.#native.close({
      timeoutMs: left,
      closed: (clean, nativeStack) => operation.resolve({ clean, nativeStack }),
    });
    const { clean, nativeStack } = await operation.promise;
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    if (!clean) {
      throw new SpdkError(
        'ERR_SPDK_WEDGED',
        'SPDK still held a controller or a thread when the environment was closed; its memory is kept',
        { nativeStack },
      );
    }
  }

  #adopt(controller: Controller, forget: () => void): void {
    this.#controllers.add(controller);
    controller.once('detached', () => {
      this.#controllers.delete(controller);
      forget();
      this.emit('detached', controller);
    });
    // Told after attach() has answered, so that its caller may add listeners to the controller first.
    queueMicrotask(() => this.emit('attached', controller));
  }

  #onState(controller: Controller | undefined, state: ControllerState): void {
    controller?.emit('state', state);
  }

  #onFailed(controller: Controller | undefined, failure: NativeFailure): void {
    if (!controller) return;
    const error = SpdkError.fromNative(failure);
    controller.onFailed(error);
    this.emit('failed', controller, error);
  }
}

const unexplained: NativeFailure = { code: 'ERR_SPDK_INTERNAL', message: 'The native addon gave no reason' };

function closedError(): SpdkError {
  return new SpdkError(
    'ERR_SPDK_ENV_CLOSED',
    'The environment is closed; start another with Environment.init()',
  );
}
