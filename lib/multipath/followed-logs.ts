// The paths of a subsystem, as discovery services list them.

import { canSecure, type DiscoveryEntry, type DiscoveryLog } from '../discovery/log.js';
import { maxPaths } from '../options/subsystem.js';
import { formatTransportId, type TransportId } from '../options/transport-id.js';

/** A watched discovery service, as far as its log goes. */
export interface FollowedWatch {
  readonly log: DiscoveryLog;
  readonly closed: boolean;
  readonly ownEvents: {
    on(event: 'change' | 'closed', listener: () => void): unknown;
    off(event: 'change' | 'closed', listener: () => void): unknown;
  };
}

/** A path, as far as its place in a log goes. */
export interface FollowingPath {
  readonly transportId: TransportId;
  readonly state: string;
}

/** What following needs of the subsystem. */
export interface FollowServices<Path extends FollowingPath> {
  readonly nqn: string;
  /** Whether its paths have a key for TLS. */
  readonly withTls: boolean;
  readonly paths: () => readonly Path[];
  readonly add: (id: TransportId) => void;
  readonly remove: (path: Path) => void;
  /** Called with the number of listed addresses that are not added, because the subsystem has enough paths. */
  readonly leftOut: (addresses: number) => void;
}

/**
 * Adds the paths that appear in the logs of discovery services, and removes those that vanish from all of them. Paths that
 * no log has had are the program's. The last path that is up stays: a log without any is more often a target that is
 * being set up than one that is gone. A log may list any number: what does not fit beside the paths that stay is left out.
 */
export class FollowedLogs<Path extends FollowingPath> {
  readonly #services: FollowServices<Path>;
  readonly #watches = new Map<FollowedWatch, () => void>();
  /** The addresses that the logs had when they were last read. */
  #listed = new Map<string, TransportId>();
  /** The addresses that logs have again, while their paths are still being removed. */
  readonly #returning = new Set<string>();
  /** The addresses that no log has any more and that are still paths, each with the watch whose log had it last. */
  readonly #vanished = new Map<string, FollowedWatch>();

  constructor(services: FollowServices<Path>) {
    this.#services = services;
  }

  follow(watch: FollowedWatch): void {
    if (this.#watches.has(watch) || watch.closed) return;
    const changed = () => this.#compare(watch);
    const closed = () => this.unfollow(watch);
    const { ownEvents } = watch;
    ownEvents.on('change', changed);
    ownEvents.on('closed', closed);
    this.#watches.set(watch, () => {
      ownEvents.off('change', changed);
      ownEvents.off('closed', closed);
    });
    this.#compare(watch);
  }

  /** Stops following a log. Its paths stay, also those that would be removed as soon as another one is up. */
  unfollow(watch: FollowedWatch): void {
    this.#watches.get(watch)?.();
    this.#watches.delete(watch);
    for (const [key, by] of this.#vanished) if (by === watch) this.#vanished.delete(key);
    this.#listed = this.#readAll();
    // What stays now may be what others wait for.
    this.update();
  }

  end(): void {
    this.#vanished.clear();
    for (const watch of [...this.#watches.keys()]) this.unfollow(watch);
  }

  /** Adds paths that have come again, once they are removed. Removes those that have vanished, once another path is up. */
  update(): void {
    if (this.#vanished.size + this.#returning.size === 0) return;
    const paths = this.#services.paths();
    const present = new Set(paths.map(keyOf));
    for (const key of this.#returning) {
      if (present.has(key)) continue;
      this.#returning.delete(key);
      const id = this.#listed.get(key);
      if (id) this.#services.add(id);
    }
    // What the program has removed meanwhile, and may add again, is its own.
    for (const key of this.#vanished.keys()) if (!present.has(key)) this.#vanished.delete(key);
    const stays = paths.some((path) => path.state === 'up' && !this.#vanished.has(keyOf(path)));
    if (!stays) return;
    const going = paths.filter((path) => this.#vanished.has(keyOf(path)));
    this.#vanished.clear();
    for (const path of going) this.#services.remove(path);
  }

  #compare(watch: FollowedWatch): void {
    const before = this.#listed;
    this.#listed = this.#readAll();
    const paths = this.#services.paths();
    const present = new Set(paths.map(keyOf));
    const leaving = new Set(paths.filter(({ state }) => state === 'detaching').map(keyOf));
    for (const key of this.#listed.keys()) this.#vanished.delete(key);
    for (const key of before.keys()) {
      if (!this.#listed.has(key) && present.has(key)) this.#vanished.set(key, watch);
    }
    const goes = (path: Path) => path.state === 'detaching' || this.#vanished.has(keyOf(path));
    let room = maxPaths - paths.filter((path) => !goes(path)).length;
    const leftOut: string[] = [];
    for (const [key, id] of this.#listed) {
      if (before.has(key)) continue;
      if (leaving.has(key)) this.#returning.add(key);
      else if (present.has(key)) continue;
      else if (room-- > 0) this.#services.add(id);
      else leftOut.push(key);
    }
    // Looked at again with the next change.
    for (const key of leftOut) this.#listed.delete(key);
    if (leftOut.length > 0) this.#services.leftOut(leftOut.length);
    this.update();
  }

  #readAll(): Map<string, TransportId> {
    const listed = new Map<string, TransportId>();
    for (const watch of this.#watches.keys()) {
      for (const entry of watch.log.entries) {
        const id = this.#pathOf(entry);
        if (id) listed.set(formatTransportId(id), id);
      }
    }
    return listed;
  }

  /** Entries that `env.attachAll()` skips are skipped here too. */
  #pathOf(entry: DiscoveryEntry): TransportId | undefined {
    const { transportId, subtype, subsystemNqn } = entry;
    const { nqn, withTls } = this.#services;
    if (!transportId || subtype !== 'nvm' || subsystemNqn !== nqn) return undefined;
    if (!canSecure(entry, withTls)) return undefined;
    const { traddr } = transportId;
    return traddr === '0.0.0.0' || traddr === '::' ? undefined : transportId;
  }
}

function keyOf({ transportId }: FollowingPath): string {
  return formatTransportId(transportId);
}
