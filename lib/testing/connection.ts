// One connection of a controller in memory.

import type { NativeAbortOutcome, NativeNamespaceInfo } from '../native/contract.js';
import { everyNamespace } from '../options/namespace-id.js';
import type { AdminQuestion, MemoryAdminResult } from './admin.js';
import { type RingCommand, wholeBytes } from './command.js';
import { NotificationLog, type ReservationChange } from './notifications.js';
import type { MemoryRegions, RegionUse } from './regions.js';
import { abortedStatus, abortRequestedStatus } from './statuses.js';
import type { MemorySubsystem } from './subsystem.js';

type Done = (status: number, result: number) => void;

/** A command that was sent. */
export interface Sent {
  /** Asks the controller to abort it. */
  abort(settled: (outcome: NativeAbortOutcome) => void): void;
}

/** What a connection reports to its controller. */
export interface ConnectionEvents {
  readonly lost: (why: string) => void;
  readonly namespacesChanged: () => void;
  readonly logChanged: () => void;
  readonly reservationsChanged: () => void;
}

/** One controller's connection to a subsystem, and the commands that it has not completed. */
export class Connection {
  readonly subsystem: MemorySubsystem;
  readonly notifications = new NotificationLog();
  readonly #events: ConnectionEvents;
  readonly #hostId: string;
  readonly #open = new Set<() => void>();
  #infos = new Map<number, NativeNamespaceInfo & { changed: boolean }>();
  #alive = true;
  #watchesLog = false;

  /** @param hostId 32 hexadecimal digits */
  constructor(subsystem: MemorySubsystem, hostId: string, events: ConnectionEvents) {
    this.#hostId = hostId;
    this.subsystem = subsystem;
    this.#events = events;
    this.identify();
    subsystem.target.connections.add(this);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Reads the list of namespaces again. */
  identify(): NativeNamespaceInfo[] {
    const infos = [...this.subsystem.namespaces.values()].map((namespace) => namespace.info());
    this.#infos = new Map(infos.map((info) => [info.id, { ...info, changed: this.#changed(info) }]));
    return infos;
  }

  namespaceInfo(nsid: number): (NativeNamespaceInfo & { changed: boolean }) | undefined {
    return this.#infos.get(nsid);
  }

  /** native/core/controller/description.h */
  has(nsid: number, tag: number): boolean {
    if (tag === 0) return true;
    if (nsid !== 0 && nsid !== everyNamespace) return this.#infos.get(nsid)?.tag === tag;
    return [...this.#infos.values()].every((one) => one.tag <= tag);
  }

  /** Sends a command; `done` is called once: with the controller's result, or when the connection ends. */
  send(command: RingCommand, uses: readonly RegionUse[], memory: MemoryRegions, done: Done): Sent {
    const pending = this.#await(done, () => done(abortedStatus, 0));
    this.subsystem.target.respond(() => {
      if (!pending.open()) return;
      if (wholeBytes(command) > this.subsystem.maxTransferBytes) {
        this.lose('a command was larger than the maximum of the controller');
        return;
      }
      const parts = uses.map((use) => memory.bytes(use));
      const { status, result } = this.subsystem.execute(command, parts, this.#hostId);
      pending.end(status, result);
    });
    return { abort: (settled) => this.#abort(pending, settled) };
  }

  #abort(pending: { open: () => boolean; end: Done }, settled: (outcome: NativeAbortOutcome) => void): void {
    const asked = this.#await(settled, () => settled('notAborted'));
    this.subsystem.target.respond(() => {
      if (!asked.open()) return;
      const aborts = pending.open() && this.subsystem.abortsCommands;
      if (aborts) pending.end(abortRequestedStatus, 0);
      asked.end(aborts ? 'aborted' : 'notAborted');
    }, 0);
  }

  /** As `send`, for an admin command. */
  admin(question: AdminQuestion, done: (result: MemoryAdminResult | undefined) => void): void {
    const pending = this.#await(done, () => done(undefined));
    this.subsystem.target.respond(() => {
      if (!pending.open()) return;
      if (question.data.byteLength > this.subsystem.maxTransferBytes) {
        pending.end(undefined);
        this.lose('an admin command was larger than the maximum of the controller');
        return;
      }
      pending.end(this.subsystem.admin(question, this));
    });
  }

  /** The subsystem reports a change (Asynchronous Event, Namespace Attribute Changed). */
  changedNamespaces(): void {
    this.subsystem.target.respond(() => {
      if (this.#alive) this.#events.namespacesChanged();
    });
  }

  /** Notifies the host (Asynchronous Event, Reservation Log Page Available) if it is one of these. */
  changedReservation(nsid: number, kind: ReservationChange, hostIds: readonly string[]): void {
    if (!hostIds.includes(this.#hostId)) return;
    this.notifications.add(kind, nsid);
    this.subsystem.target.respond(() => {
      if (this.#alive) this.#events.reservationsChanged();
    });
  }

  /** The host waits for events of a discovery log. */
  watchLog(): void {
    this.#watchesLog = true;
  }

  /** Reports that the discovery log has changed. False where the host does not wait for that. */
  changedLog(): boolean {
    if (!this.#watchesLog || !this.#alive) return false;
    this.subsystem.target.respond(() => {
      if (this.#alive) this.#events.logChanged();
    });
    return true;
  }

  /** Breaks the link. */
  lose(why: string): void {
    if (this.#alive) this.#events.lost(why);
  }

  /** Ends it; outstanding commands never complete. */
  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.subsystem.target.connections.delete(this);
    for (const abort of [...this.#open]) abort();
    this.#open.clear();
  }

  #changed(info: NativeNamespaceInfo): boolean {
    const before = this.#infos.get(info.id);
    return before !== undefined && (before.changed || before.blocks !== info.blocks);
  }

  #await<Result extends unknown[]>(done: (...result: Result) => void, abort: () => void) {
    const entry = () => {
      this.#open.delete(entry);
      abort();
    };
    this.#open.add(entry);
    return {
      open: () => this.#open.has(entry),
      end: (...result: Result) => {
        this.#open.delete(entry);
        done(...result);
      },
    };
  }
}
