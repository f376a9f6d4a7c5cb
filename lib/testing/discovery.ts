// The discovery service of a target in memory.

import { checkBoolean } from '../options/arguments.js';
import { discoveryNqn } from '../options/nqn.js';
import type { AdminQuestion, MemoryAdminResult } from './admin.js';
import { checkEntries, discoveryLog, type WrittenEntry } from './discovery-log.js';
import type { MemoryLink, MemoryTargetFaults } from './faults.js';
import { checkWhenSet } from './settable.js';
import { MemorySubsystem } from './subsystem.js';

const getLogPage = 0x02;
const identify = 0x06;
const setFeatures = 0x09;
const discoveryPage = 0x70;
const eventConfiguration = 0x0b;
const logChangeNotices = 0x8000_0000;
const invalidField = 0x02;

/** The discovery service of a target in memory. Made by `target.addDiscovery()`. */
export class MemoryDiscovery extends MemorySubsystem {
  /** Whether it supports change events: OAES, and the result of Set Features. */
  offers = true;
  accepts = true;
  #reads = 0;
  #generation = 0;
  #entries: readonly WrittenEntry[] = [];
  readonly #enabled = new WeakSet<MemoryLink>();
  /** The links that get a report of the next change. After one, a link is missing here until the log has been read. */
  readonly #armed = new Set<MemoryLink>();

  private constructor(target: MemoryTargetFaults) {
    super(target, discoveryNqn);
    checkWhenSet<MemoryDiscovery>(this, { offers: checkBoolean, accepts: checkBoolean });
  }

  /** @internal */
  static serve(target: MemoryTargetFaults): MemoryDiscovery {
    return new MemoryDiscovery(target);
  }

  /** How often the log was read, in pieces. */
  get reads(): number {
    return this.#reads;
  }

  /** The entries of the log; changing it notifies the hosts that watch it. */
  get entries(): readonly WrittenEntry[] {
    return this.#entries;
  }

  set entries(entries: readonly WrittenEntry[]) {
    this.#entries = checkEntries(entries, 'entries');
    this.#generation++;
    for (const connection of [...this.#armed]) {
      if (connection.changedLog() || !connection.alive) this.#armed.delete(connection);
    }
  }

  /** @internal */
  override admin(question: AdminQuestion, from: MemoryLink): MemoryAdminResult {
    const [dword0 = 0, dword1 = 0, offset = 0] = question.cdw;
    const { opcode, data } = question;
    if (opcode === getLogPage && (dword0 & 0xff) === discoveryPage) {
      this.#reads++;
      if (this.#enabled.has(from)) this.#armed.add(from);
      const log = discoveryLog(this.#generation, this.#entries);
      const piece = Buffer.alloc(data.byteLength);
      log.copy(piece, 0, offset);
      return { status: 0, cdw0: 0, data: piece };
    }
    if (opcode === setFeatures && (dword0 & 0xff) === eventConfiguration) {
      if (!this.accepts) return { status: invalidField, cdw0: 0, data: new Uint8Array(0) };
      if ((dword1 & logChangeNotices) !== 0) {
        this.#enabled.add(from);
        this.#armed.add(from);
      }
    }
    const result = super.admin(question, from);
    if (opcode === identify && this.offers)
      Buffer.from(result.data.buffer).writeUInt32LE(logChangeNotices, 92);
    return result;
  }
}
