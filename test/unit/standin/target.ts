import type { NativeFailure } from '../../../lib/errors/spdk-error.js';
import type { Connection } from './connection.js';
import { MemoryDiscovery } from './discovery.js';
import type { Scheduler } from './scheduler.js';
import { MemorySubsystem } from './subsystem.js';

/** Where a target in memory is found. */
export interface MemoryAddress {
  readonly traddr: string;
  readonly trsvcid: string;
}

/** An NVMe-oF target in memory, and everything that can go wrong with it. */
export class MemoryTarget {
  readonly address: MemoryAddress;
  readonly subsystems = new Map<string, MemorySubsystem>();
  readonly connections = new Set<Connection>();
  /** How long each answer takes, in milliseconds; 0 is a later turn of the event loop. */
  latencyMs = 0;
  /** How long connecting takes, in milliseconds. */
  connectMs = 1;
  /** Why connecting fails; undefined while it does not. */
  refusal: NativeFailure | undefined;
  readonly #scheduler: Scheduler;
  readonly #failures: number[] = [];
  readonly #unanswered: (() => void)[] = [];
  readonly #onSilent = new Set<(silent: boolean) => void>();
  #silent = false;

  constructor(scheduler: Scheduler, address: MemoryAddress) {
    this.#scheduler = scheduler;
    this.address = address;
  }

  addSubsystem(nqn: string): MemorySubsystem {
    const subsystem = new MemorySubsystem(this, nqn);
    this.subsystems.set(nqn, subsystem);
    return subsystem;
  }

  /** Gives the target a discovery service. */
  addDiscovery(): MemoryDiscovery {
    const discovery = new MemoryDiscovery(this);
    this.subsystems.set(discovery.nqn, discovery);
    return discovery;
  }

  /** Whether nothing is answered, while the links stay up. What was asked meanwhile is answered afterwards. */
  get silent(): boolean {
    return this.#silent;
  }

  set silent(silent: boolean) {
    if (silent === this.#silent) return;
    this.#silent = silent;
    if (!silent) for (const reply of this.#unanswered.splice(0)) reply();
    for (const listener of [...this.#onSilent]) listener(silent);
  }

  /** Calls whenever the target falls silent or speaks again. Gives the function that ends that. */
  whenSilent(listener: (silent: boolean) => void): () => void {
    this.#onSilent.add(listener);
    return () => this.#onSilent.delete(listener);
  }

  /** The next I/O commands end with this status (status code type << 8 | status code). */
  failCommands(status: number, count: number): void {
    for (let i = 0; i < count; i++) this.#failures.push(status);
  }

  /** Breaks every connection. */
  dropLinks(): void {
    for (const connection of [...this.connections]) connection.lose('the link is down');
  }

  /** Answers after the target's latency, and when it is silent, once it is not. */
  answer(reply: () => void): void {
    this.#scheduler.after(this.latencyMs, () => {
      if (this.#silent) this.#unanswered.push(reply);
      else reply();
    });
  }

  /** @internal */
  nextFailure(): number {
    return this.#failures.shift() ?? 0;
  }
}
