// Targets in memory in the place of SPDK.

import { dispose } from '../internal/disposal.js';
import { useAddon } from '../native/addon.js';
import { MemoryAddon } from './addon.js';
import type { MemoryAddress, MemoryTarget } from './target.js';

/** Those that are not restored, in the order in which they began. */
const present: Simulation[] = [];

/**
 * Targets in memory. Environments that are opened before `restore()` reach these instead of real ones, without SPDK, hugepages
 * or root. Made by {@link simulate}.
 */
export class Simulation implements Disposable {
  readonly #addon = new MemoryAddon();
  readonly #targets: MemoryTarget[] = [];
  #before: ReturnType<typeof useAddon>;

  private constructor() {
    this.#before = useAddon(this.#addon);
    present.push(this);
  }

  /** @internal */
  static begin(): Simulation {
    return new Simulation();
  }

  get targets(): readonly MemoryTarget[] {
    return [...this.#targets];
  }

  /**
   * Adds a target at an address, by TCP and RDMA.
   * @throws {SpdkError} ERR_SPDK_INVALID_TRANSPORT_ID, ERR_SPDK_UNKNOWN_OPTION; ERR_SPDK_INVALID_ARG_VALUE if there is a target
   *   at the address
   */
  addTarget(address?: MemoryAddress): MemoryTarget {
    const target = this.#addon.addTarget(address);
    this.#targets.push(target);
    return target;
  }

  /**
   * What would corrupt data on real hardware, one line each, such as two commands at the same time that use the same part of
   * a DMA buffer. A test expects an empty list.
   */
  get misuse(): readonly string[] {
    return [...this.#addon.violations.list];
  }

  /**
   * Restores the previous state; if a later simulation is not restored yet, its `restore()` does this. Close open environments
   * first: they stay in memory.
   */
  restore(): void {
    const index = present.indexOf(this);
    if (index < 0) return;
    present.splice(index, 1);
    const later = present[index];
    if (later) later.#before = this.#before;
    else useAddon(this.#before);
  }

  [dispose](): void {
    this.restore();
  }
}

/** Makes `Environment.init()` open environments in memory, until `restore()`. */
export function simulate(): Simulation {
  return Simulation.begin();
}
