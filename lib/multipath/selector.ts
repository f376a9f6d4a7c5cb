// Chooses the path of the next command. This runs for every command, so it considers usable paths only.

import type { PathPolicy, PathSelector } from '../options/subsystem.js';
import type { IoPath } from './io-path.js';

/** Chooses the path of each operation of one namespace. */
export class Selector<Path extends IoPath = IoPath> {
  readonly #choose: () => Path | undefined;
  /** Paths that accept commands, whatever they cost. */
  #usable: readonly Path[] = [];
  /** Optimized paths, or if there are none, non-optimized ones. */
  #best: readonly Path[] = [];
  #next = 0;

  constructor(policy: PathPolicy, selector: PathSelector) {
    if (policy === 'active-passive') this.#choose = () => this.#best[0];
    else if (selector === 'round-robin') this.#choose = () => this.#inTurn();
    else this.#choose = () => this.#leastBusy();
  }

  /**
   * The path of the next operation; undefined if none is usable.
   * @param avoided are chosen only if there is no other path
   */
  choose(avoided: readonly Path[] = []): Path | undefined {
    const chosen = this.#choose();
    if (avoided.length === 0 || chosen === undefined || !avoided.includes(chosen)) return chosen;
    return this.#other(avoided) ?? chosen;
  }

  /** Whether an operation that these paths reject can go over another one. */
  hasOther(than: readonly Path[]): boolean {
    return this.#usable.some((path) => !than.includes(path));
  }

  /** The paths that operations use now. The first one is that of `active-passive`. */
  get best(): readonly Path[] {
    return this.#best;
  }

  /** Chooses again, when a path or its state has changed. */
  update(paths: readonly Path[]): void {
    this.#usable = paths.filter((path) => path.usable);
    const optimized = this.#usable.filter(({ ana }) => ana === 'optimized');
    const best = optimized.length > 0 ? optimized : this.#usable;
    // A path stays in use while no better one appears: changing it for nothing would reorder what is outstanding.
    const current = best.find(({ path }) => path.preferred) ?? best.find((path) => path === this.#best[0]);
    this.#best = current ? [current, ...best.filter((path) => path !== current)] : best;
    this.#next = 0;
  }

  #other(avoided: readonly Path[]): Path | undefined {
    const isOther = (path: Path) => !avoided.includes(path);
    return this.#best.find(isOther) ?? this.#usable.find(isOther);
  }

  #inTurn(): Path | undefined {
    const chosen = this.#best[this.#next];
    this.#next = this.#next + 1 < this.#best.length ? this.#next + 1 : 0;
    return chosen;
  }

  #leastBusy(): Path | undefined {
    let chosen = this.#best[0];
    for (let i = 1; i < this.#best.length; i++) {
      const path = this.#best[i] as Path;
      if (path.outstanding < (chosen as Path).outstanding) chosen = path;
    }
    return chosen;
  }
}
