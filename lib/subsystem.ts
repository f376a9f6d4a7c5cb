// An NVM subsystem over several paths. Longer than other files, because half of it documents public events and methods.

import { EventEmitter } from 'node:events';
import { type InspectOptions, inspect } from 'node:util';
import type { Controller } from './controller.js';
import { type Publish, publishTo } from './diagnostics/channels.js';
import { DiscoveryWatch } from './discovery-watch.js';
import {
  abortError,
  codedError,
  SpdkError,
  type SpdkErrorDetails,
  type SpdkTypeError,
} from './errors/spdk-error.js';
import { asyncDispose } from './internal/disposal.js';
import { eventLoop } from './internal/event-loop.js';
import { HeldEvents } from './internal/held-events.js';
import { PendingCall, waitFor, waitForEnd } from './internal/pending-call.js';
import { shown } from './internal/shown.js';
import { detachingError } from './internal/state-errors.js';
import type { DmaMemory } from './io/dma-memory.js';
import type { RequestLimits } from './io/request.js';
import type { AnaState } from './multipath/ana.js';
import { NamespaceDirectory } from './multipath/directory.js';
import { FollowedLogs } from './multipath/followed-logs.js';
import {
  SubsystemHistory,
  type SubsystemHistoryEvent,
  type SubsystemHistoryKind,
} from './multipath/history.js';
import { isSameSubsystem } from './multipath/identity.js';
import { describe, notOne } from './options/arguments.js';
import type { AttachOptions } from './options/attach.js';
import { type DetachOptions, type ResolvedDetachOptions, resolveDetachOptions } from './options/detach.js';
import {
  type CheckAttach,
  isSamePath,
  maxPaths,
  type PathPolicy,
  type PathSelector,
  type PathSpec,
  type ResolvedSubsystemOptions,
  resolvePath,
  resolveSubsystemOptions,
  type SubsystemPathOptions,
} from './options/subsystem.js';
import type { TransportIdObject } from './options/transport-id.js';
import { SubsystemNamespace } from './subsystem-namespace.js';
import { SubsystemPath } from './subsystem-path.js';
import type { DetachReport } from './types.js';

/** The events of a {@link Subsystem} and the arguments of their listeners. */
export interface SubsystemEvents {
  /** `addPath()` added a path, which is not up yet. */
  pathAdded: [path: SubsystemPath];
  /** Operations can use the path. */
  pathUp: [path: SubsystemPath];
  /** The path was lost, or has failed; `path.state` says whether attempts to connect continue. */
  pathDown: [path: SubsystemPath, error: SpdkError | SpdkTypeError | undefined];
  pathRemoved: [path: SubsystemPath];
  /** The ANA state of a namespace on a path changed. */
  ana: [namespace: SubsystemNamespace, path: SubsystemPath, state: AnaState, before: AnaState];
  /** A namespace uses another path than before; with the policy `active-passive`. */
  failover: [namespace: SubsystemNamespace, from: SubsystemPath, to: SubsystemPath];
  /** An operation of a namespace found no usable path. Emitted once, and again only after a path was usable. */
  noPath: [namespace: SubsystemNamespace];
  /** Namespaces appeared, vanished or changed, or the limits of one: other paths may have others. The argument is the new list. */
  namespaces: [namespaces: readonly SubsystemNamespace[]];
  /** All paths are detached. */
  detached: [report: SubsystemDetachReport];
}

/** The messages of channels of `node:diagnostics_channel` about subsystems; docs/guide/diagnosis.md describes them. */
export interface SubsystemMessages {
  /** A path came up, was lost, failed, was added or was removed. */
  'spdk-nvme:path': {
    readonly subsystem: Subsystem;
    readonly path: SubsystemPath;
    readonly change: 'added' | 'up' | 'down' | 'removed';
    readonly error: SpdkError | SpdkTypeError | undefined;
  };
  /** The ANA state of a namespace on a path changed. */
  'spdk-nvme:ana': {
    readonly subsystem: Subsystem;
    readonly namespace: SubsystemNamespace;
    readonly path: SubsystemPath;
    readonly state: AnaState;
    readonly before: AnaState;
  };
  /** A namespace of an `active-passive` subsystem uses another path. */
  'spdk-nvme:failover': {
    readonly subsystem: Subsystem;
    readonly namespace: SubsystemNamespace;
    readonly from: SubsystemPath;
    readonly to: SubsystemPath;
  };
  /** Operations of a namespace find no usable path. */
  'spdk-nvme:no-path': { readonly subsystem: Subsystem; readonly namespace: SubsystemNamespace };
}

const publish: Publish<SubsystemMessages> = publishTo;

/** The result of detaching a subsystem. */
export interface SubsystemDetachReport {
  /** Each path that had a controller, with the report of its detach. */
  readonly paths: readonly { readonly path: SubsystemPath; readonly report: DetachReport }[];
  readonly totalMs: number;
}

/** @internal What a subsystem needs of its environment. */
export interface SubsystemServices {
  readonly memory: DmaMemory;
  readonly check: CheckAttach;
  /** All paths are detached. */
  readonly detached: (subsystem: Subsystem) => void;
  /** Attaches the controller of a path. Its I/O ends as soon as its connection is lost. */
  readonly attach: (spec: PathSpec, options: Pick<AttachOptions, 'signal'>) => Promise<Controller>;
}

type Failure = SpdkError | SpdkTypeError;

/** Options for detaching a controller that no caller gets. */
const giveBack = { drainMs: 0, timeoutMs: 5_000 };

/**
 * An NVM subsystem over several paths, created by `env.attachSubsystem()`. Each path is a {@link Controller}, which is
 * also in `env.controllers`.
 */
export class Subsystem extends EventEmitter<SubsystemEvents> implements AsyncDisposable {
  /** The NQN of the subsystem. */
  readonly nqn: string;
  readonly policy: PathPolicy;
  readonly selector: PathSelector;
  readonly #services: SubsystemServices;
  readonly #attach: AttachOptions;
  readonly #directory: NamespaceDirectory<SubsystemPath, SubsystemNamespace>;
  readonly #history = new SubsystemHistory();
  readonly #events = new HeldEvents();
  readonly #rejections = new Map<SubsystemPath, Failure>();
  readonly #followed: FollowedLogs<SubsystemPath>;
  #paths: readonly SubsystemPath[] = [];
  #opening: PendingCall<void> | undefined;
  #detaching: Promise<SubsystemDetachReport> | undefined;
  #gone = false;

  private constructor(resolved: ResolvedSubsystemOptions, services: SubsystemServices) {
    super();
    const [first] = resolved.paths as [PathSpec, ...PathSpec[]];
    this.nqn = first.transportId.subnqn as string;
    this.policy = resolved.policy;
    this.selector = resolved.selector;
    this.#services = services;
    this.#attach = resolved.attach;
    const { memory } = services;
    const limitsFor = limitsChooser(first.options.ioTimeoutMs);
    const controllers = (namespace: SubsystemNamespace) =>
      this.pathsOf(namespace).flatMap(({ controller }) => controller ?? []);
    const connectedControllers = (namespace: SubsystemNamespace) =>
      this.#directory.connectedPathsTo(namespace).flatMap(({ controller }) => controller ?? []);
    const transferBytes = () => {
      const paths = this.#paths.filter(({ ended }) => !ended);
      return Math.min(...paths.flatMap(({ controller }) => controller?.info.maxTransferBytes ?? []));
    };
    this.#directory = new NamespaceDirectory<SubsystemPath, SubsystemNamespace>({
      ...{ memory, policy: resolved.policy, selector: resolved.selector },
      maxWaiting: first.options.maxWaiting,
      rejection: () => this.#rejection(),
      create: (routing, info, ids) =>
        SubsystemNamespace.create(
          { ...routing, memory, limitsFor, controllers, connectedControllers, transferBytes },
          info,
          ids,
        ),
      unconnectedReturning: () => this.#paths.some((path) => !path.connected && path.returning),
      onLimits: (namespace, limits) => namespace.limitTo(limits),
      onAna: (namespace, path, state, before) => {
        this.#note('ana', `namespace ${namespace.id} on ${nameOf(path)}: ${before} to ${state}`);
        this.#announce(() => {
          publish('spdk-nvme:ana', { subsystem: this, namespace, path, state, before });
          this.emit('ana', namespace, path, state, before);
        });
      },
      onFailover: (namespace, from, to) => {
        this.#note('failover', `namespace ${namespace.id}: from ${nameOf(from)} to ${nameOf(to)}`);
        this.#announce(() => {
          publish('spdk-nvme:failover', { subsystem: this, namespace, from, to });
          this.emit('failover', namespace, from, to);
        });
      },
      onNoPath: (namespace) => {
        this.#note('no-path', `namespace ${namespace.id} has no usable path`);
        this.#announce(() => {
          publish('spdk-nvme:no-path', { subsystem: this, namespace });
          this.emit('noPath', namespace);
        });
      },
      onForeign: (path, { id }) => {
        this.#note(
          'note',
          `namespace ${id} on ${nameOf(path)} differs from that on other paths and is not used`,
        );
      },
    });
    this.#followed = new FollowedLogs<SubsystemPath>({
      nqn: this.nqn,
      withTls: resolved.attach.tls !== undefined,
      paths: () => this.#paths.filter(({ state }) => state !== 'detached'),
      add: (id) => this.#addListed(id),
      remove: (path) => void this.removePath(path).catch(() => {}),
      leftOut: (addresses) =>
        this.#note(
          'note',
          `listed addresses that are not used, because there are ${maxPaths} paths: ${addresses}`,
        ),
    });
    this.#paths = resolved.paths.map((spec) => this.#create(spec));
  }

  /** @internal See `env.attachSubsystem`. */
  static async attach(paths: unknown, options: unknown, services: SubsystemServices): Promise<Subsystem> {
    const resolved = resolveSubsystemOptions(paths, options, services.check);
    const subsystem = new Subsystem(resolved, services);
    await subsystem.#open((resolved.paths[0] as PathSpec).options);
    subsystem.#events.release();
    return subsystem;
  }

  /** All paths, whether they are up or not, in the order in which they were given or added. */
  get paths(): readonly SubsystemPath[] {
    return this.#paths;
  }

  /**
   * The namespaces of the subsystem, by their ids. Namespaces of several paths are one object if their ids, their
   * identifiers (UUID, NGUID, EUI-64) and their sizes are equal. One without any identifier cannot be compared: it is
   * a separate object for each path.
   */
  get namespaces(): readonly SubsystemNamespace[] {
    return this.#directory.all;
  }

  /** The latest 128 events, oldest first. */
  get history(): readonly SubsystemHistoryEvent[] {
    return this.#history.events;
  }

  /** Whether all paths are detached. */
  get detached(): boolean {
    return this.#gone;
  }

  /** What `JSON.stringify()` shows of it. */
  toJSON(): Pick<Subsystem, 'nqn' | 'policy' | 'paths'> {
    const { nqn, policy, paths } = this;
    return { nqn, policy, paths };
  }

  /** @internal What `console.log()` shows of it. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shown(this, depth, options);
  }

  /**
   * The paths that operations of a namespace take now: optimized ones, or if there are none, non-optimized ones. With
   * `active-passive` all operations take the first one.
   */
  pathsOf(namespace: SubsystemNamespace): readonly SubsystemPath[] {
    return this.#directory.bestPathsTo(namespace).map(({ path }) => path);
  }

  /**
   * Adds a path, which is attached in the background with the options of the subsystem. Events report its progress.
   * @throws {SpdkError} ERR_SPDK_CONFLICTING_OPTIONS for a path of another subsystem, or a path that it has; or as
   *   `env.attachSubsystem` for bad input; ERR_SPDK_DETACHING
   */
  addPath(path: string | TransportIdObject | SubsystemPathOptions): SubsystemPath {
    const rejection = this.#rejection();
    if (rejection) throw rejection;
    const present = this.#paths.filter(({ state }) => state !== 'detached');
    // `prefer()` may have changed what the path was given with.
    const known = present.map(({ spec, preferred }) => ({ ...spec, preferred }));
    const spec = resolvePath(path, this.#attach, this.policy, known, this.#services.check);
    const added = this.#create(spec);
    // A detached path gives its place to another one of the same address.
    for (const one of this.#paths) if (isSamePath(one.spec, spec)) this.#forget(one);
    this.#paths = [...this.#paths, added];
    this.#note('path', `${nameOf(added)} is added`);
    this.#announce(() => {
      this.#publish(added, 'added', undefined);
      this.emit('pathAdded', added);
    });
    added.start();
    return added;
  }

  /**
   * Removes a path: new operations take other paths immediately. Its outstanding operations have `drainMs` to complete; then
   * they are sent again over other paths. After the last path is removed, the namespaces stay for one that is added later.
   * @returns the report of its controller's detach; undefined if it had none
   * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for a path of another subsystem; ERR_SPDK_WEDGED, ERR_SPDK_TIMEOUT as
   *   `controller.detach`; the path is removed even then
   */
  async removePath(path: SubsystemPath, options?: DetachOptions): Promise<DetachReport | undefined> {
    const limits = resolveDetachOptions(options);
    if (!this.#paths.includes(path)) {
      throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', 'The path does not belong to this subsystem');
    }
    try {
      return await path.detach(limits);
    } finally {
      this.#forget(path);
    }
  }

  /**
   * Follows a discovery service: paths that its log lists for this subsystem are added, with the options of the
   * subsystem, and those that vanish from the logs of all services that are followed are removed, unless no other path
   * is up. Paths that no log has listed are not touched. Of a log with more addresses as many are used as 64 paths have. Ends with the watch, whose end leaves the paths as they are, by
   * {@link unfollow}, or with the detach.
   * @param watch of `env.watchDiscovery()`
   * @throws {SpdkTypeError} not a watch
   * @throws {SpdkError} ERR_SPDK_DETACHING, ERR_SPDK_CONTROLLER_DETACHED
   */
  follow(watch: DiscoveryWatch): void {
    const rejection = this.#rejection();
    if (rejection) throw rejection;
    this.#followed.follow(checkWatch(watch));
  }

  /** Ends {@link follow}. The paths stay. */
  unfollow(watch: DiscoveryWatch): void {
    this.#followed.unfollow(checkWatch(watch));
  }

  /**
   * Makes `active-passive` use this path whenever it is as good as the others; undefined: none.
   * @throws {SpdkError} ERR_SPDK_INVALID_ARG_VALUE for a path of another subsystem; ERR_SPDK_CONFLICTING_OPTIONS with the
   *   policy `active-active`
   */
  prefer(path: SubsystemPath | undefined): void {
    if (this.policy === 'active-active') {
      throw new SpdkError(
        'ERR_SPDK_CONFLICTING_OPTIONS',
        'A path can be preferred with the policy active-passive only: active-active uses all paths',
      );
    }
    if (path !== undefined && !this.#paths.includes(path)) {
      throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', 'The path does not belong to this subsystem');
    }
    for (const one of this.#paths) one.preferred = one === path;
    this.#update();
  }

  /**
   * Detaches all paths at the same time, in any state: rejects new operations and those that wait for a path, and gives
   * outstanding ones `drainMs` to end. Further calls share the report.
   * @throws {SpdkError} ERR_SPDK_WEDGED if SPDK has not finished with a path after `timeoutMs`; the others are detached.
   *   ERR_SPDK_TIMEOUT if a further call allows less time than is left
   */
  async detach(options?: DetachOptions): Promise<SubsystemDetachReport> {
    const limits = resolveDetachOptions(options);
    if (this.#detaching) {
      return waitFor(this.#detaching, {
        what: `Waiting for ${this.nqn} to be detached`,
        timeoutMs: limits.timeoutMs,
        timeoutCode: 'ERR_SPDK_TIMEOUT',
        timeoutHint: 'The detach continues, within the time limit of the first call.',
      });
    }
    this.#followed.end();
    this.#detaching = this.#detach(limits);
    return this.#detaching;
  }

  async [asyncDispose](): Promise<void> {
    await this.detach();
  }

  async #open({ timeoutMs, signal }: Pick<AttachOptions, 'signal'> & { timeoutMs: number }): Promise<void> {
    const limits = {
      what: `Attaching ${this.nqn}`,
      timeoutMs,
      since: eventLoop.now(),
      timeoutCode: 'ERR_SPDK_TIMEOUT',
      timeoutHint:
        'No path came up. Check the addresses, the ports and the network, or allow more with timeoutMs.',
      signal,
      explain: (report: (details: SpdkErrorDetails) => void) => {
        const errors = this.#paths.flatMap(({ error }) => error ?? []);
        report(errors.length === 0 ? {} : { cause: errorsOf(errors) });
      },
    } as const;
    const call = PendingCall.start<void>(limits, (started) => {
      this.#opening = started;
      for (const path of this.#paths) path.start();
    });
    try {
      await call.promise;
      if (signal?.aborted) throw abortError(limits.what, signal);
    } catch (error) {
      this.#opening = undefined;
      for (const { controller } of this.#paths) controller?.giveBack();
      // Beyond the limits it goes on in the background.
      await waitForEnd(this.detach(giveBack), limits);
      throw error;
    }
    this.#opening = undefined;
  }

  async #detach(limits: ResolvedDetachOptions): Promise<SubsystemDetachReport> {
    const begun = eventLoop.now();
    // `#detaching` is set once this has returned to its caller.
    await undefined;
    this.#update();
    const paths = this.#paths.filter(({ state }) => state !== 'detached');
    const outcomes = await Promise.allSettled(paths.map((path) => path.detach(limits)));
    const reports = outcomes.flatMap((outcome, i) => {
      const report = outcome.status === 'fulfilled' ? outcome.value : undefined;
      return report ? [{ path: paths[i] as SubsystemPath, report }] : [];
    });
    const report = Object.freeze({ paths: reports, totalMs: eventLoop.now() - begun });
    this.#gone = true;
    this.#directory.end();
    this.#services.detached(this);
    this.#note('path', 'all paths are detached');
    this.#announce(() => this.emit('detached', report));
    const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed) throw failed.reason;
    return report;
  }

  /** Removes a path, unless another call has removed it meanwhile. */
  #forget(path: SubsystemPath): void {
    if (!this.#paths.includes(path)) return;
    this.#paths = this.#paths.filter((one) => one !== path);
    this.#note('path', `${nameOf(path)} is removed`);
    this.#announce(() => {
      this.#publish(path, 'removed', undefined);
      this.emit('pathRemoved', path);
    });
    this.#update();
  }

  #create(spec: PathSpec): SubsystemPath {
    return SubsystemPath.create(spec, {
      attach: (which, options) => this.#services.attach(which, options),
      check: (path, facts) => {
        const other = this.#paths.find((one) => one !== path && one.facts)?.facts;
        if (!other || isSameSubsystem(other, facts)) return;
        throw new SpdkError(
          'ERR_SPDK_FOREIGN_PATH',
          `${nameOf(path)} leads to another subsystem than the other paths: serial number ${describe(facts.serial)}, model ${describe(facts.model)}, NQN ${describe(facts.subsystemNqn)}`,
        );
      },
      changed: () => this.#update(),
      up: (path) => {
        this.#note('path', `${nameOf(path)} is up`);
        this.#announce(() => {
          this.#publish(path, 'up', undefined);
          this.emit('pathUp', path);
        });
        this.#update();
        this.#opening?.resolve();
      },
      down: (path, error) => {
        const why = error ? `: ${error.message}` : '';
        this.#note('path', `${nameOf(path)} is ${path.state}${why}`, error);
        this.#announce(() => {
          this.#publish(path, 'down', error);
          this.emit('pathDown', path, error);
        });
        this.#update();
      },
      firstFailed: (path, error) => this.#onFirstFailed(path, error),
    });
  }

  /** An attach is rejected when every path has failed once. */
  #onFirstFailed(path: SubsystemPath, error: Failure): void {
    if (!this.#opening) return;
    this.#rejections.set(path, error);
    if (this.#rejections.size < this.#paths.length) return;
    const errors = [...this.#rejections.values()];
    this.#opening.reject(
      new SpdkError('ERR_SPDK_NO_PATH', `No path to ${this.nqn} could be attached: ${errors[0]?.message}`, {
        cause: errorsOf(errors),
      }),
    );
  }

  /** The error for new operations and paths; undefined if they are accepted. */
  #rejection(): SpdkError | undefined {
    if (this.#gone) {
      return new SpdkError('ERR_SPDK_CONTROLLER_DETACHED', 'The subsystem is detached; attach it again');
    }
    return this.#detaching ? detachingError() : undefined;
  }

  #update(): void {
    const changed = this.#directory.update(this.#paths);
    this.#followed.update();
    for (const { zones } of this.namespaces) zones.forget();
    if (!changed) return;
    const { namespaces } = this;
    this.#announce(() => this.emit('namespaces', namespaces));
  }

  /** A target may list what this host cannot use. */
  #addListed(id: TransportIdObject): void {
    try {
      this.addPath(id);
    } catch (thrown) {
      const error = codedError('Adding a path failed', thrown);
      this.#note('note', `A listed path is not used: ${error.message}`, error);
    }
  }

  #publish(
    path: SubsystemPath,
    change: SubsystemMessages['spdk-nvme:path']['change'],
    error: Failure | undefined,
  ): void {
    publish('spdk-nvme:path', { subsystem: this, path, change, error });
  }

  /** Announces an event later: in the middle of an operation, that operation must not meet an error of a listener. */
  #announce(event: () => void): void {
    eventLoop.queueMicrotask(() => this.#events.announce(event));
  }

  #note(kind: SubsystemHistoryKind, text: string, error?: Failure): void {
    this.#history.add(kind, text, error?.code);
  }
}

function checkWatch(value: unknown): DiscoveryWatch {
  if (DiscoveryWatch.isOne(value)) return value;
  throw notOne('watch must be one of env.watchDiscovery()', value, DiscoveryWatch);
}

function errorsOf(errors: readonly Failure[]): AggregateError {
  return new AggregateError(errors, 'The errors of the paths');
}

function limitsChooser(timeoutMs: number | undefined): (queuePair: unknown) => RequestLimits {
  // `onTimeout` is that of the path's attach.
  const limits = { timeoutMs, signal: undefined, onTimeout: undefined };
  return (queuePair) => {
    if (queuePair === undefined) return limits;
    throw new SpdkError(
      'ERR_SPDK_FOREIGN_QUEUE_PAIR',
      'An operation over several paths cannot choose a queue pair: omit queuePair',
    );
  };
}

function nameOf({ transportId, sourceAddress }: SubsystemPath): string {
  const { trtype, traddr, trsvcid } = transportId;
  const from = sourceAddress === undefined ? '' : ` from ${sourceAddress}`;
  return `${trtype} ${traddr}:${trsvcid}${from}`;
}
