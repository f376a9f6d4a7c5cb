// A namespace over several paths.

import { SpdkError } from './errors/spdk-error.js';
import { tooLongError } from './internal/state-errors.js';
import type { DmaMemory } from './io/dma-memory.js';
import type { LimitsChooser } from './io/operation-options.js';
import type { IoRequest, RequestLimits } from './io/request.js';
import type { ControllerLimits } from './multipath/common-limits.js';
import type { NamespaceOperations } from './multipath/namespace-operations.js';
import type { RequestRouter } from './multipath/request-router.js';
import { NamespaceCommands, type NamespaceController } from './namespace.js';
import type { NamespaceNames } from './nvme/namespace-descriptors.js';
import { notItself } from './options/arguments.js';

/** What a namespace needs of its subsystem. */
export interface SubsystemNamespaceOwner extends LimitsChooser<RequestLimits> {
  readonly memory: DmaMemory;
  readonly router: RequestRouter;
  /** The controllers of its usable paths. */
  readonly controllers: (namespace: SubsystemNamespace) => readonly NamespaceController[];
  /** The controllers of its paths that are connected, usable or not. */
  readonly connectedControllers: (namespace: SubsystemNamespace) => readonly NamespaceController[];
  /** The most that one command transfers over every path, whether it is usable now or not. */
  readonly transferBytes: () => number;
  /** Whether some path still has it as it was described. */
  readonly known: () => boolean;
}

/** What changes as paths come and go. */
const changing = ['supports', 'copyLimits', 'compareAndWriteBlocks', 'optimal'] as const;

/**
 * A namespace of an attached {@link Subsystem}. It has the methods of {@link Namespace}, and each operation takes one of
 * the usable paths. If that path does not carry it out, the operation is sent again over another one, or waits for one;
 * it rejects with ERR_SPDK_NO_PATH if none is expected to become usable. `timeoutMs` and `signal` are those of the whole
 * operation. Raw commands are sent once.
 *
 * A write that is sent again has the data of the time of the call, unless its buffer is DMA memory, which is used in
 * place. A write that overlaps earlier writes through this object is sent when these have ended.
 *
 * `supports`, `copyLimits`, `compareAndWriteBlocks` and `optimal` are what every path has, and change as paths are added and removed.
 */
export class SubsystemNamespace extends NamespaceCommands<RequestLimits> {
  override readonly uuid: string;
  override readonly nguid: string;
  override readonly eui64: string;
  readonly #owner: SubsystemNamespaceOwner;

  private constructor(owner: SubsystemNamespaceOwner, info: NamespaceOperations, ids: NamespaceNames) {
    super(info, info.deviceId);
    this.#owner = owner;
    this.uuid = ids.uuid;
    this.nguid = ids.nguid;
    this.eui64 = ids.eui64;
    const fixed = { configurable: false, writable: false };
    for (const name of Object.keys(this)) {
      if (!(changing as readonly string[]).includes(name)) Object.defineProperty(this, name, fixed);
    }
    Object.preventExtensions(this);
    this.limitTo(info);
  }

  /** @internal Takes over the limits that hold on every path. They stay values of its own: no getters, which the console does not show. */
  limitTo(limits: ControllerLimits): void {
    for (const name of changing)
      Object.defineProperty(this, name, { value: limits[name], configurable: true, writable: false });
  }

  /** @internal @param info the namespace as one path has it */
  static create(
    owner: SubsystemNamespaceOwner,
    info: NamespaceOperations,
    ids: NamespaceNames,
  ): SubsystemNamespace {
    return new SubsystemNamespace(owner, info, ids);
  }

  /** @internal Whether a value is one, and not merely looks like one. */
  static isOne(value: unknown): value is SubsystemNamespace {
    return typeof value === 'object' && value !== null && #owner in value;
  }

  /** Operations that have not been sent, because no path is usable. */
  get waiting(): number {
    return this.#owner.router.waiting;
  }

  /** @internal Each path has a tag of its own. */
  override get tag(): number {
    return 0;
  }

  /** @internal */
  override get memory(): DmaMemory {
    return this.#owner.memory;
  }

  /** @internal */
  override get known(): boolean {
    return this.#owner.known();
  }

  /** @internal The limits of operations that give none. @throws {SpdkError} ERR_SPDK_FOREIGN_QUEUE_PAIR */
  override limitsFor(queuePair: unknown): RequestLimits {
    if (!(#owner in this)) throw notItself('namespace');
    return this.#owner.limitsFor(queuePair);
  }

  /** @internal @throws {SpdkError} ERR_SPDK_NO_PATH */
  override controllers(): readonly [NamespaceController, ...NamespaceController[]] {
    const [first, ...others] = this.#owner.controllers(this);
    if (first) return [first, ...others];
    throw new SpdkError('ERR_SPDK_NO_PATH', `No path to namespace ${this.id} is usable now`);
  }

  /** @internal @throws {SpdkError} ERR_SPDK_NO_PATH */
  override connectedControllers(): readonly NamespaceController[] {
    const all = this.#owner.connectedControllers(this);
    return all.length > 0 ? all : this.controllers();
  }

  /** @internal */
  override transferBytes(): number {
    return this.#owner.transferBytes();
  }

  /** @internal */
  override send<Value>(_limits: RequestLimits, request: IoRequest): Promise<Value> {
    const { wholeBytes } = request;
    if (wholeBytes > 0 && wholeBytes > this.transferBytes())
      return Promise.reject(tooLongError(wholeBytes, this.transferBytes()));
    return this.#owner.router.run(request);
  }
}
