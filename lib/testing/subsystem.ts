// An NVM subsystem in memory.

import { SpdkTypeError } from '../errors/spdk-error.js';
import type { AnaState } from '../multipath/ana.js';
import { ioOpcodes } from '../native/ring-layout.js';
import { checkBoolean, checkMultiple, checkOneOf, checkString, describe } from '../options/arguments.js';
import { invalid } from '../options/common.js';
import type { ControllerInfo } from '../types.js';
import { type AdminQuestion, adminResult, type MemoryAdminResult } from './admin.js';
import { compareAndWrite, transfer } from './block-data.js';
import type { RingCommand } from './command.js';
import type { MemoryLink, MemoryTargetFaults } from './faults.js';
import type { MemoryKeys } from './keys.js';
import { MemoryManagement } from './management.js';
import { executeBlocks } from './metadata.js';
import { anaStates, anaStatus, completeMultipath } from './multipath.js';
import { checkNamespaceId, MemoryNamespace, type MemoryNamespaceOptions } from './namespace.js';
import { completeNotifications } from './notifications.js';
import { executeRaw, type MemoryOutcome } from './raw.js';
import { checkWhenSet, fields, listOf, text, whole } from './settable.js';
import { describeZones, type MemoryZones } from './zones.js';

/** Real targets say with it that the command is not to be sent again (0x800). */
const invalidNamespace = 0x80b;
const rangeStatus = 0x80;
const reservationConflict = 0x83;
const unrecoveredRead = 0x281;

/** The tags that each id of a namespace has had. A host may hold commands for them, also while the subsystem is removed. */
export type NamespaceTags = Map<number, Set<number>>;

/** An NVM subsystem of a target in memory. Made by `target.addSubsystem()`. */
export class MemorySubsystem {
  readonly target: MemoryTargetFaults;
  readonly nqn: string;
  readonly namespaces: ReadonlyMap<number, MemoryNamespace>;
  readonly #namespaces = new Map<number, MemoryNamespace>();
  readonly #tags: NamespaceTags;
  readonly #ana = new Map<number, AnaState>();
  /** What ends the notices of each namespace's reservation. */
  readonly #notifying = new Map<number, () => void>();
  /** @internal */
  readonly features = new Map<number, number>();
  /**
   * The maximum transfer of one command that controllers report from their next attach on. A raw or admin command with more
   * data ends its connection.
   */
  maxTransferBytes = 131_072;
  /** The maximum number of I/O queues, and of entries of one, that it grants. */
  maxIoQueues = 64;
  maxQueueDepth = 32_768;
  /** The serial number that controllers report from their next attach on. */
  serial = 'MEMORY';
  /** Whether an Abort that arrives while its command is delayed has an effect. Linux's target ignores it. */
  abortsCommands = true;
  /** Whether its controllers report ANA. */
  reportsAna = true;
  /** The longest ANA transition in seconds, 1 to 255, that controllers report from their next attach on. */
  anaTransitionSeconds = 10;
  /** The Command Retry Delay Times in units of 100 ms that controllers report from their next attach on. */
  commandRetryDelays: readonly number[] = [0, 0, 0];
  /** The keys that hosts need, as text. Without one no host has to authenticate. */
  keys: MemoryKeys = {};

  /** The commands that change a device, none of which it announces by default. */
  readonly management = new MemoryManagement();

  /** @internal */
  protected constructor(target: MemoryTargetFaults, nqn: string, tags: NamespaceTags = new Map()) {
    this.target = target;
    this.nqn = nqn;
    this.#tags = tags;
    this.namespaces = this.#namespaces;
    checkWhenSet<MemorySubsystem>(this, {
      maxTransferBytes: (value, name) => checkMultiple(value, name, 512, 512, 1 << 30),
      maxIoQueues: whole(1, 0xffff),
      maxQueueDepth: whole(2, 0x1_0000),
      serial: text(20),
      abortsCommands: checkBoolean,
      reportsAna: checkBoolean,
      anaTransitionSeconds: whole(1, 255),
      commandRetryDelays: listOf(3, whole(0, 0xffff)),
      keys: fields<MemoryKeys>({
        dhchapKey: checkString,
        dhchapControllerKey: checkString,
        tlsPsk: checkString,
      }),
    });
  }

  /** @internal @param tags of earlier subsystems with this NQN, and from now on of this one */
  static create(target: MemoryTargetFaults, nqn: string, tags: NamespaceTags): MemorySubsystem {
    return new MemorySubsystem(target, nqn, tags);
  }

  /** Its transport id, for `env.attach()`. */
  get id(): string {
    return this.target.id(this.nqn);
  }

  /** Adds a namespace full of zeroes, which attached controllers announce. It is another disk than an earlier namespace with the id. */
  addNamespace(id: number, options?: MemoryNamespaceOptions): MemoryNamespace {
    const namespace = MemoryNamespace.create(id, options);
    this.#serve(namespace);
    return namespace;
  }

  /** @internal Whether a disk with this tag has been a namespace with this id. */
  had(id: number, tag: number): boolean {
    return this.#tags.get(id)?.has(tag) ?? false;
  }

  /**
   * Makes a namespace of another subsystem reachable here too, under its id: another path to the same data, if both
   * subsystems have one NQN.
   * @throws {SpdkTypeError} for what is no namespace in memory
   */
  shareNamespace(namespace: MemoryNamespace): void {
    if (!MemoryNamespace.isOne(namespace))
      throw new SpdkTypeError(`namespace must be one of addNamespace(); got ${describe(namespace)}`);
    this.#serve(namespace);
  }

  /**
   * The ANA state of a namespace here, which hosts are notified of; optimized if it was never set.
   * @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE
   */
  setAna(id: number, state: AnaState): void {
    this.#ana.set(checkNamespaceId(id), checkOneOf(state, 'state', anaStates));
    for (const link of this.#links()) link.changedLog();
  }

  /** Removes a namespace, which attached controllers announce; does nothing if there is none with the id. */
  removeNamespace(id: number): void {
    if (!this.#namespaces.delete(checkNamespaceId(id))) return;
    this.#leave(id);
    this.#changed();
  }

  /**
   * Gives a namespace another size; keeps the data that still has a place.
   * @throws {SpdkTypeError} @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE, also for an id that no namespace has
   */
  resizeNamespace(id: number, blocks: number): void {
    const namespace = this.namespaces.get(checkNamespaceId(id));
    if (!namespace) invalid(`id must be that of a namespace of the subsystem; got ${id}`);
    namespace.resize(blocks);
    this.#changed();
  }

  /** @internal */
  controllerInfo(ioQueues: number, queueDepth: number): ControllerInfo {
    return {
      model: 'Controller in memory',
      serial: this.serial,
      firmware: '1',
      subsystemNqn: this.nqn,
      cntlid: 1,
      vendorId: 0,
      version: 0x10300,
      maxTransferBytes: this.maxTransferBytes,
      mdts: Math.log2(this.maxTransferBytes / 4096),
      maxNamespaces: 1024,
      ioQueues: Math.min(ioQueues, this.maxIoQueues),
      queueDepth: Math.min(queueDepth, this.maxQueueDepth),
    };
  }

  /** @internal @param from the connection that it came over */
  admin(question: AdminQuestion, from: MemoryLink): MemoryAdminResult {
    const result = adminResult(question, this.features, this.serial);
    const known = completeMultipath(question, result, this, from);
    completeNotifications(question, known, from.notifications);
    describeZones(question, known, this.namespaces.get(question.nsid));
    return this.management.complete(question, known, this);
  }

  /** @internal */
  anaOf(id: number): AnaState {
    return this.#ana.get(id) ?? 'optimized';
  }

  /** @internal Carries out an I/O command with the memory of its parts. */
  execute(command: RingCommand, parts: readonly (Uint8Array | undefined)[], hostId: string): MemoryOutcome {
    const failure = this.target.nextFailure(command.operation);
    const namespace = this.namespaces.get(command.nsid);
    const known = failure === 0 ? namespace : undefined;
    if (!known) return { status: failure || invalidNamespace, result: 0 };
    if (command.operation === ioOpcodes.raw)
      return executeRaw(known, command, { hostId, ana: this.anaOf(command.nsid) }, parts[0]);
    return { status: this.#carryOut(known, command, parts, hostId), result: 0 };
  }

  /** Gives its status, 0 for success. */
  #carryOut(
    namespace: MemoryNamespace,
    command: RingCommand,
    parts: readonly (Uint8Array | undefined)[],
    hostId: string,
  ): number {
    if (namespace.reservations.excludes(hostId, command.operation)) return reservationConflict;
    const unreachable = anaStatus(this.anaOf(command.nsid));
    if (unreachable !== 0) return unreachable;
    if (command.operation === ioOpcodes.flush) return 0;
    const from = command.block * namespace.blockSize;
    const to = from + command.blocks * namespace.blockSize;
    if (to > namespace.data.byteLength) return rangeStatus;
    const zoned = namespace.zones ? zoneStatus(namespace.zones, command) : 0;
    if (zoned !== 0) return zoned;
    switch (command.operation) {
      case ioOpcodes.writeZeroes:
        if (namespace.metadataSize > 0) return executeBlocks(namespace, command, parts);
        namespace.data.fill(0, from, to);
        return 0;
      case ioOpcodes.writeUncorrectable:
        for (let i = 0; i < command.blocks; i++) namespace.unreadable.add(command.block + i);
        return 0;
      case ioOpcodes.compareAndWrite:
        return compareAndWrite(namespace, from, to, parts);
      case ioOpcodes.deallocate:
        return 0;
      case ioOpcodes.verify:
        return namespace.metadataSize > 0 ? executeBlocks(namespace, command, parts) : 0;
      default:
        if (isUnreadable(namespace, command)) return unrecoveredRead;
        if (namespace.metadataSize > 0) return executeBlocks(namespace, command, parts);
        return transfer(command.operation, namespace.data.subarray(from, to), parts);
    }
  }

  /** Makes it the namespace with its id. */
  #serve(namespace: MemoryNamespace): void {
    const { id, tag, reservations } = namespace;
    this.#leave(id);
    this.#namespaces.set(id, namespace);
    this.#tags.set(id, new Set(this.#tags.get(id)).add(tag));
    const end = reservations.onChange((kind, hostIds) => {
      for (const link of this.#links()) link.changedReservation(id, kind, hostIds);
    });
    this.#notifying.set(id, end);
    this.#changed();
  }

  /** Ends the notices of what happens to the reservation of the namespace that had this id. */
  #leave(id: number): void {
    this.#notifying.get(id)?.();
    this.#notifying.delete(id);
  }

  #links(): MemoryLink[] {
    return [...this.target.connections].filter(({ subsystem }) => subsystem === this);
  }

  #changed(): void {
    for (const link of this.#links()) link.changedNamespaces();
  }
}

/** Returns the status of a command that its zone rejects; else 0, and the write pointer has moved. */
function zoneStatus(zones: MemoryZones, { operation: what, block, blocks }: RingCommand): number {
  const writes = [ioOpcodes.write, ioOpcodes.writeZeroes, ioOpcodes.compareAndWrite].some(
    (one) => one === what,
  );
  return writes ? zones.write(block, blocks) : zones.reads(block);
}

/** Whether a command reads or compares blocks that cannot be read; blocks that are written can be read again. */
function isUnreadable(namespace: MemoryNamespace, command: RingCommand): boolean {
  let found = false;
  for (let i = 0; i < command.blocks && namespace.unreadable.size > 0; i++) {
    if (command.operation === ioOpcodes.write) namespace.unreadable.delete(command.block + i);
    else found ||= namespace.unreadable.has(command.block + i);
  }
  return found;
}
