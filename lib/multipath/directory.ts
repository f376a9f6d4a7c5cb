// The namespaces of a subsystem, put together from what each path lists.

import { isDeepStrictEqual } from 'node:util';
import type { SpdkError } from '../errors/spdk-error.js';
import type { DmaMemory } from '../io/dma-memory.js';
import { goneError } from '../io/namespace-errors.js';
import type { NamespaceNames } from '../nvme/namespace-descriptors.js';
import type { PathPolicy, PathSelector } from '../options/subsystem.js';
import type { NamespaceInfo } from '../types.js';
import type { AnaState } from './ana.js';
import { type ControllerLimits, commonLimits } from './common-limits.js';
import { identityKey, sameShape } from './identity.js';
import { IoPath, type IoPathOwner } from './io-path.js';
import type { PathNamespace } from './namespace-operations.js';
import { ownersOf } from './owners.js';
import { RequestRouter } from './request-router.js';
import { Selector } from './selector.js';

/** What the directory needs of a path. */
export interface ListingPath extends IoPathOwner {
  readonly listed: readonly { readonly namespace: PathNamespace; readonly ids: NamespaceNames }[] | undefined;
  /** Whether its list is kept up to date. */
  readonly connected: boolean;
  /** Later lists are of a later state of the target. */
  readonly listedAt: number;
  /** Whether it is detached: no operation uses it any more. */
  readonly ended: boolean;
  /** Whether it is detached or has failed for good: it keeps its id for no disk. */
  readonly givenUp: boolean;
  ana(namespaceId: number): AnaState | undefined;
}

/** How the operations of a namespace find their paths. */
interface NamespaceRouting {
  readonly router: RequestRouter;
  /** Whether some path still has the namespace as it was described. */
  readonly known: () => boolean;
}

/** What the namespaces need of their subsystem, and what is reported to it. */
export interface DirectoryServices<Path extends ListingPath, Ns extends NamespaceInfo> {
  readonly memory: DmaMemory;
  readonly policy: PathPolicy;
  readonly selector: PathSelector;
  /** How many operations of a namespace may wait for a path. */
  readonly maxWaiting: number;
  readonly rejection: () => SpdkError | undefined;
  /** Creates a namespace as one path describes it. */
  readonly create: (routing: NamespaceRouting, info: PathNamespace, ids: NamespaceNames) => Ns;
  /** Whether a path that is not connected may come up, and have the namespace. */
  readonly unconnectedReturning: () => boolean;
  /** Called when the limits that hold on all paths to a namespace have changed. */
  readonly onLimits: (namespace: Ns, limits: ControllerLimits) => void;
  readonly onAna: (namespace: Ns, path: Path, state: AnaState, before: AnaState) => void;
  readonly onFailover: (namespace: Ns, from: Path, to: Path) => void;
  readonly onNoPath: (namespace: Ns) => void;
  /** Called once, when a path has another namespace under an id that other paths have, or the same one with another size. */
  readonly onForeign: (path: Path, namespace: PathNamespace) => void;
}

/** A namespace and the I/O paths to it. */
interface Entry<Path extends ListingPath, Ns> {
  readonly key: string;
  readonly namespace: Ns;
  readonly selector: Selector<IoPath<Path>>;
  readonly router: RequestRouter;
  /** Whether the directory still has it. */
  known: boolean;
  ioPaths: IoPath<Path>[];
  /** The path that `active-passive` used last. */
  current: Path | undefined;
  /** Whether operations met no path since one was usable. */
  pathless: boolean;
}

type Listed<Path> = {
  readonly path: Path;
  readonly namespace: PathNamespace;
  readonly ids: NamespaceNames;
};

/** The namespaces of one subsystem. A namespace that has not changed stays the same object. */
export class NamespaceDirectory<Path extends ListingPath, Ns extends NamespaceInfo> {
  readonly #services: DirectoryServices<Path, Ns>;
  #entries = new Map<string, Entry<Path, Ns>>();
  #all: readonly Ns[] = Object.freeze([]);
  /** Those that a connected path has under the id of another disk. */
  readonly #foreign = new WeakSet<PathNamespace>();
  /** Those that were reported, once each. */
  readonly #reported = new WeakSet<PathNamespace>();
  readonly #unnamed = new WeakMap<object, number>();
  #lastUnnamed = 0;

  constructor(services: DirectoryServices<Path, Ns>) {
    this.#services = services;
  }

  get all(): readonly Ns[] {
    return this.#all;
  }

  /** Takes over what has changed on the paths. Returns whether the list of namespaces, or limits of one, have changed. */
  update(paths: readonly Path[]): boolean {
    const byKey = this.#group(paths);
    const before = this.#entries;
    // Without a connected path nothing says that a namespace has vanished: paths may be exchanged for others.
    const keys = paths.some(({ connected }) => connected) ? byKey.keys() : before.keys();
    const entries = new Map<string, Entry<Path, Ns>>();
    let limited = false;
    for (const key of keys) {
      const listed = byKey.get(key) ?? [];
      const entry = this.#entryFor(key, listed);
      entries.set(key, entry);
      limited = this.#link(entry, listed) || limited;
    }
    this.#entries = entries;
    const all = [...entries.values()].map(({ namespace }) => namespace).sort((a, b) => a.id - b.id);
    const isSame = all.length === this.#all.length && all.every((one, i) => one === this.#all[i]);
    if (!isSame) this.#all = Object.freeze(all);
    for (const old of before.values()) if (entries.get(old.key) !== old) retire(old);
    for (const entry of entries.values()) this.#refresh(entry);
    return !isSame || limited;
  }

  /** Ends all I/O paths. No path changes any more: nothing waits for the end of a transition. */
  end(): void {
    for (const { ioPaths } of this.#entries.values()) for (const ioPath of ioPaths) ioPath.end();
  }

  /** The I/O paths that operations of a namespace use now, that of `active-passive` first. */
  bestPathsTo(namespace: Ns): readonly IoPath<Path>[] {
    return this.#entryOf(namespace)?.selector.best ?? [];
  }

  /** The connected paths to a namespace, whether operations may use them or not. */
  connectedPathsTo(namespace: Ns): readonly Path[] {
    const ioPaths = this.#entryOf(namespace)?.ioPaths ?? [];
    return ioPaths.map(({ path }) => path).filter((path) => path.connected && !path.ended);
  }

  #entryOf(namespace: Ns): Entry<Path, Ns> | undefined {
    return [...this.#entries.values()].find((entry) => entry.namespace === namespace);
  }

  /** Groups by identity. Of two identities with one id, only that of its owner counts. */
  #group(paths: readonly Path[]): Map<string, Listed<Path>[]> {
    const listed = paths.flatMap((path) =>
      (path.listed ?? []).map(({ namespace, ids }) => ({
        path,
        namespace,
        ids,
        key: this.#key(path, namespace, ids),
      })),
    );
    const named = listed.filter(({ namespace, ids }) => identityKey(namespace.id, ids));
    const byId = ownersOf(
      named.map(({ key, path, namespace }) => ({
        ...{ key, path, id: namespace.id },
        known: this.#entries.has(key),
        foreign: this.#foreign.has(namespace),
      })),
    );
    const byKey = new Map<string, Listed<Path>[]>();
    for (const { key, ...one } of listed) {
      const { namespace, path, ids } = one;
      if (identityKey(namespace.id, ids) && byId.get(namespace.id) !== key) {
        // The list of a lost path is out of date.
        if (path.connected) this.#foreign.add(namespace);
        this.#reportForeign(path, namespace);
        continue;
      }
      this.#foreign.delete(namespace);
      const others = byKey.get(key);
      if (others) others.push(one);
      else byKey.set(key, [one]);
    }
    return byKey;
  }

  /**
   * The key of a namespace. Namespaces without identifiers cannot be compared: each path has its own, and its tag says whether it is still
   * the same one.
   */
  #key(path: Path, namespace: PathNamespace, ids: NamespaceNames): string {
    const key = identityKey(namespace.id, ids);
    if (key) return key;
    const number = this.#unnamed.get(path) ?? ++this.#lastUnnamed;
    this.#unnamed.set(path, number);
    return `${namespace.id} of path ${number}, tag ${namespace.tag}`;
  }

  /** The entry that there is, unless the namespace has changed: connected paths describe it as it is. */
  #entryFor(key: string, listed: readonly Listed<Path>[]): Entry<Path, Ns> {
    const old = this.#entries.get(key);
    const connected = listed.filter(({ path }) => path.connected);
    if (old && (connected.length === 0 || sameShape(old.namespace, newestOf(connected).namespace)))
      return old;
    return this.#create(key, newestOf(connected.length > 0 ? connected : listed));
  }

  #create(key: string, { namespace: info, ids }: Listed<Path>): Entry<Path, Ns> {
    const { memory, policy, selector: how, maxWaiting, rejection } = this.#services;
    const selector = new Selector<IoPath<Path>>(policy, how);
    const router = new RequestRouter({
      memory,
      selector,
      maxWaiting,
      rejection: () => rejection() ?? (entry.known ? undefined : goneError(info)),
      returning: () =>
        entry.ioPaths.some((ioPath) => ioPath.returning) || this.#services.unconnectedReturning(),
      onNoPath: () => {
        if (entry.pathless) return;
        entry.pathless = true;
        this.#services.onNoPath(entry.namespace);
      },
    });
    const namespace = this.#services.create({ router, known: () => entry.known }, info, ids);
    const entry: Entry<Path, Ns> = {
      key,
      namespace,
      selector,
      router,
      known: true,
      ioPaths: [],
      current: undefined,
      pathless: false,
    };
    return entry;
  }

  /**
   * An I/O path whose path still has the same namespace object stays, with what is outstanding on it. Returns whether the limits of the
   * namespace have changed.
   */
  #link(entry: Entry<Path, Ns>, listed: readonly Listed<Path>[]): boolean {
    const before = entry.ioPaths;
    for (const { path, namespace } of listed) {
      if (!sameShape(entry.namespace, namespace)) this.#reportForeign(path, namespace);
    }
    entry.ioPaths = listed
      .filter(({ namespace }) => sameShape(entry.namespace, namespace))
      .map(({ path, namespace }) => {
        const known = before.find((ioPath) => ioPath.path === path && ioPath.namespace === namespace);
        const state = path.ana(namespace.id) ?? 'optimized';
        if (!known) return new IoPath(path, namespace, state, () => this.#refresh(entry));
        const old = known.ana;
        known.setAna(state);
        if (old !== state) this.#services.onAna(entry.namespace, path, state, old);
        return known;
      });
    for (const ioPath of before) if (!entry.ioPaths.includes(ioPath)) ioPath.end();
    return this.#limit(entry);
  }

  /** Takes over the limits that hold on all paths. Returns whether they have changed. */
  #limit({ namespace, ioPaths }: Entry<Path, Ns>): boolean {
    const each = ioPaths.flatMap((ioPath) => (ioPath.path.ended ? [] : ioPath.namespace));
    if (each.length === 0) return false;
    const { supports, copyLimits, compareAndWriteBlocks, optimal } = namespace;
    const limits = commonLimits(each);
    if (isDeepStrictEqual({ supports, copyLimits, compareAndWriteBlocks, optimal }, limits)) return false;
    this.#services.onLimits(namespace, limits);
    return true;
  }

  #reportForeign(path: Path, namespace: PathNamespace): void {
    // The list of a lost path is out of date.
    if (!path.connected || this.#reported.has(namespace)) return;
    this.#reported.add(namespace);
    this.#services.onForeign(path, namespace);
  }

  #refresh(entry: Entry<Path, Ns>): void {
    entry.selector.update(entry.ioPaths);
    const now = entry.selector.best[0]?.path;
    if (now) {
      entry.pathless = false;
      const { current } = entry;
      entry.current = now;
      if (current && current !== now && this.#services.policy === 'active-passive') {
        this.#services.onFailover(entry.namespace, current, now);
      }
    }
    entry.router.update();
  }
}

/** The latest description. */
function newestOf<Path extends ListingPath>(listed: readonly Listed<Path>[]): Listed<Path> {
  return listed.reduce((one, other) => (other.path.listedAt > one.path.listedAt ? other : one));
}

function retire<Path extends ListingPath>(entry: Entry<Path, unknown>): void {
  entry.known = false;
  for (const ioPath of entry.ioPaths) ioPath.end();
  entry.ioPaths = [];
  entry.selector.update([]);
  entry.router.update();
}
