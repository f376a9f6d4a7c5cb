// A target in memory: its address and its subsystems.

import { SpdkError } from '../errors/spdk-error.js';
import { checkString, readOptions } from '../options/arguments.js';
import { or } from '../options/common.js';
import { parseTransportId } from '../options/transport-id.js';
import { MemoryDiscovery } from './discovery.js';
import { MemoryTargetFaults } from './faults.js';
import type { Scheduler } from './scheduler.js';
import { MemorySubsystem, type NamespaceTags } from './subsystem.js';

/** Where a target in memory is found. */
export interface MemoryAddress {
  /** An IPv4 address. Default `127.0.0.1`. */
  readonly traddr?: string | undefined;
  /** A port. Default `4420`. */
  readonly trsvcid?: string | undefined;
}

/** An NVMe-oF target in memory, and everything that can go wrong with it. Made by `simulation.addTarget()`. */
export class MemoryTarget extends MemoryTargetFaults {
  readonly #subsystems = new Map<string, MemorySubsystem>();
  /** By NQN, of removed subsystems too. */
  readonly #tags = new Map<string, NamespaceTags>();

  /**
   * @internal
   * @throws {SpdkError} ERR_SPDK_INVALID_TRANSPORT_ID, ERR_SPDK_UNKNOWN_OPTION
   */
  static create(scheduler: Scheduler, address: unknown): MemoryTarget {
    const given = readOptions(address, 'address', ['traddr', 'trsvcid']);
    const traddr = checkString(or(given.get('traddr'), '127.0.0.1'), 'traddr');
    const trsvcid = checkString(or(given.get('trsvcid'), '4420'), 'trsvcid');
    parseTransportId({ trtype: 'TCP', adrfam: 'IPv4', traddr, trsvcid });
    return new MemoryTarget(scheduler, traddr, trsvcid);
  }

  /** The subsystems by their NQNs. */
  get subsystems(): ReadonlyMap<string, MemorySubsystem> {
    return this.#subsystems;
  }

  /**
   * Adds a subsystem without namespaces.
   *
   * @param nqn its NQN
   * @throws {SpdkError} ERR_SPDK_INVALID_TRANSPORT_ID; ERR_SPDK_INVALID_ARG_VALUE if the target has the subsystem
   */
  addSubsystem(nqn: string): MemorySubsystem {
    parseTransportId(this.id(nqn));
    if (this.#subsystems.has(nqn))
      throw new SpdkError(
        'ERR_SPDK_INVALID_ARG_VALUE',
        `nqn must be one that the target lacks; it has ${nqn}`,
      );
    const tags: NamespaceTags = this.#tags.get(nqn) ?? new Map();
    this.#tags.set(nqn, tags);
    const subsystem = MemorySubsystem.create(this, nqn, tags);
    this.#subsystems.set(nqn, subsystem);
    return subsystem;
  }

  /** Removes a subsystem, if there is one with the NQN: it can no longer be attached. Attached controllers stay. */
  removeSubsystem(nqn: string): void {
    this.#subsystems.delete(checkString(nqn, 'nqn'));
  }

  /** Gives the target a discovery service, which `env.discover()` reads. Its log is empty. */
  addDiscovery(): MemoryDiscovery {
    const discovery = MemoryDiscovery.serve(this);
    this.#subsystems.set(discovery.nqn, discovery);
    return discovery;
  }
}
