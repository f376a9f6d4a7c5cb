// Reservations of one namespace: which hosts may read and write it.

import {
  limitKeys,
  limitsOfCall,
  type OperationOptions,
  type RawIoCommand,
  restOf,
} from './io/operation-options.js';
import {
  acquireCommand,
  checkKey,
  clearCommand,
  decodeReport,
  type ReservationCommand,
  type ReservationReport,
  type ReservationType,
  registerCommand,
  registrantsIn,
  releaseCommand,
  replaceCommand,
  reportBytes,
  reportCommand,
  reservationTypes,
  unregisterCommand,
} from './nvme/reservations.js';
import { checkBoolean, checkOneOf, readOptions } from './options/arguments.js';
import { optional, or } from './options/common.js';

export type {
  Registrant,
  ReservationNotification,
  ReservationReport,
  ReservationType,
} from './nvme/reservations.js';

/** Options of `register`. */
export interface RegisterOptions extends OperationOptions {
  /**
   * Whether registrations and reservations of the namespace survive a restart of the target, from now on. A target that does not
   * support this rejects with ERR_SPDK_IO_FAILED. Default: unchanged.
   */
  readonly persistent?: boolean | undefined;
}

/** Options of `acquire`. */
export interface AcquireOptions extends OperationOptions {
  /** The key of the host whose registration ends, with its reservation: this host takes its place. */
  readonly preempt?: bigint | undefined;
  /** Whether the preempted host's outstanding commands are aborted, too. Default false. */
  readonly abort?: boolean | undefined;
}

/** @internal What reservations need of their namespace. */
export interface ReservableNamespace {
  raw(command: RawIoCommand, options?: OperationOptions): Promise<number>;
}

/**
 * The reservation of a namespace. A host registers with a key of its choice, which may be any but 0, and registered hosts acquire,
 * preempt and release. The target recognises a host by its identifier (`controller.hostId`): with the same one, a host
 * keeps its reservation after a reset and after a restart of the process, and all of its controllers share it.
 *
 * The commands are never sent twice. If the connection of one ends it rejects, and `report()` shows whether it was carried out. All
 * methods reject with ERR_SPDK_IO_FAILED and "Reservation Conflict" if the key is not the registered one or another host holds the
 * reservation, and with ERR_SPDK_INVALID_ARG_TYPE or ERR_SPDK_INVALID_ARG_VALUE if the key is not a bigint of 64 bits or is 0.
 */
export class Reservations {
  readonly #namespace: ReservableNamespace;

  private constructor(namespace: ReservableNamespace) {
    this.#namespace = namespace;
  }

  /** @internal */
  static create(namespace: ReservableNamespace): Reservations {
    return new Reservations(namespace);
  }

  /** Registers this host. Registering it again with the same key succeeds, too. */
  async register(key: bigint, options?: RegisterOptions): Promise<void> {
    const { persistent, limits } = readPersistent(options);
    await this.#send(registerCommand(checkKey(key, 'key'), persistent), limits);
  }

  /** Gives this host another key. */
  async replaceKey(old: bigint, key: bigint, options?: RegisterOptions): Promise<void> {
    const { persistent, limits } = readPersistent(options);
    await this.#send(replaceCommand(checkKey(old, 'old'), checkKey(key, 'key'), persistent), limits);
  }

  /** Ends the registration of this host, and the reservation if it holds it. */
  async unregister(key: bigint, options?: OperationOptions): Promise<void> {
    await this.#send(unregisterCommand(checkKey(key, 'key')), options);
  }

  /** Acquires the reservation, or takes it from another host. */
  async acquire(key: bigint, type: ReservationType, options?: AcquireOptions): Promise<void> {
    const given = readOptions(options, 'acquire options', ['preempt', 'abort', ...limitKeys]);
    const preempt = optional(given.get('preempt'), (value) => checkKey(value, 'preempt'));
    const abort = checkBoolean(or(given.get('abort'), false), 'abort');
    const command = acquireCommand(checkKey(key, 'key'), checkType(type), preempt, abort);
    await this.#send(command, restOf(given));
  }

  /** Releases the reservation. @param type the type with which it was acquired */
  async release(key: bigint, type: ReservationType, options?: OperationOptions): Promise<void> {
    await this.#send(releaseCommand(checkKey(key, 'key'), checkType(type)), options);
  }

  /** Ends the reservation and all registrations, including those of other hosts. */
  async clear(key: bigint, options?: OperationOptions): Promise<void> {
    await this.#send(clearCommand(checkKey(key, 'key')), options);
  }

  /** Returns who is registered, and who holds the reservation. */
  async report(options?: OperationOptions): Promise<ReservationReport> {
    const limits = limitsOfCall(readOptions(options, 'report options', limitKeys));
    // One more command for a report that is longer than expected, and again if hosts register meanwhile.
    for (let expected = firstRegistrants; ; ) {
      const command = reportCommand(reportBytes(expected));
      await this.#send(command, limits());
      const there = registrantsIn(command.data);
      if (there <= expected) return decodeReport(command.data);
      expected = there;
    }
  }

  async #send({ opcode, cdw, data }: ReservationCommand, options?: OperationOptions): Promise<void> {
    await this.#namespace.raw({ opcode, cdw, data }, options);
  }
}

const firstRegistrants = 15;

function checkType(type: unknown): number {
  const names = Object.keys(reservationTypes) as ReservationType[];
  return reservationTypes[checkOneOf(type, 'type', names)];
}

function readPersistent(options: unknown) {
  const given = readOptions(options, 'register options', ['persistent', ...limitKeys]);
  const persistent = optional(given.get('persistent'), (value) => checkBoolean(value, 'persistent'));
  return { persistent, limits: restOf(given) };
}
