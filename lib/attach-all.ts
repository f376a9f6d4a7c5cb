// Attaches everything that a discovery log offers.

import { isPromise } from 'node:util/types';
import type { Controller } from './controller.js';
import { canSecure, type DiscoveryEntry, type DiscoveryLog } from './discovery/log.js';
import { abortError, SpdkError, SpdkTypeError } from './errors/spdk-error.js';
import { wipeKeys } from './keys/reading.js';
import { checkInteger, describe, fieldsOf, reading, readOptions } from './options/arguments.js';
import { type AttachOptions, attachKeys } from './options/attach.js';
import { checkSignal, conflict, optional, or } from './options/common.js';
import { checkDepth, type DiscoverOptions } from './options/discover.js';
import type { HostIdentity } from './options/host-identity.js';
import type { AttachKeys } from './options/keys.js';
import {
  formatTransportId,
  parseTransportId,
  type TransportId,
  type TransportIdObject,
} from './options/transport-id.js';

/**
 * Options of `env.attachAll`: which controllers are attached, and how; all keys are optional. `dhchap` and `tls` apply to every
 * controller, and to the service if its log is read. If the service needs other keys, read its log with `env.discover`.
 */
export interface AttachAllOptions extends AttachOptions {
  /** Simultaneous attaches, 1 to 64. Default 4. */
  concurrency?: number | undefined;
  /** As for `env.discover`. Not together with a log. */
  referralDepth?: number | undefined;
  /** Called with each entry that can be attached; true attaches it. It must not be async. Default: all are attached. */
  filter?: ((entry: DiscoveryEntry) => boolean) | undefined;
}

/**
 * Why an entry was not attached. `not-nvm`: no subsystem with namespaces; `transport`: a transport or an address that
 * this package cannot use; `any-address`: the target listens on every address and names none, such as 0.0.0.0;
 * `secure-channel`: the target requires TLS, and there is no option `tls`, or the transport is not TCP; `duplicate`: the log
 * has it twice; `filter`: the filter left it out.
 */
export type SkipReason = 'not-nvm' | 'transport' | 'any-address' | 'secure-channel' | 'duplicate' | 'filter';

/** What `env.attachAll` did. Each entry of the log, and of those that it refers to, is in one list. */
export interface AttachAllReport {
  readonly log: DiscoveryLog;
  readonly attached: readonly { readonly entry: DiscoveryEntry; readonly controller: Controller }[];
  /** The entries whose controllers this host had attached before. */
  readonly present: readonly { readonly entry: DiscoveryEntry; readonly controller: Controller }[];
  readonly failed: readonly { readonly entry: DiscoveryEntry; readonly error: Error }[];
  readonly skipped: readonly { readonly entry: DiscoveryEntry; readonly reason: SkipReason }[];
}

/** @internal What it needs of an environment. */
export interface AttachAllServices {
  readonly discover: (id: string | TransportIdObject, options: DiscoverOptions) => Promise<DiscoveryLog>;
  readonly attach: (id: TransportId, options: AttachOptions) => Promise<Controller>;
  readonly controllers: () => readonly Controller[];
  /** Checks the options of an attach: who attaches with them, and copies of the keys, which are to be wiped. */
  readonly check: (options: AttachOptions) => { readonly identity: HostIdentity; readonly keys: AttachKeys };
  /** Throws when the environment is closed. */
  readonly checkOpen: () => void;
}

const keys = [
  ...attachKeys,
  'concurrency',
  'referralDepth',
  'filter',
] as const satisfies readonly (keyof AttachAllOptions)[];
/** States of a controller that is there to be used, now or later. */
const present = ['attached', 'resetting', 'failed'];

/** @internal See `env.attachAll`. */
export async function attachAll(
  what: unknown,
  options: unknown,
  services: AttachAllServices,
): Promise<AttachAllReport> {
  const resolved = resolveOptions(options);
  services.checkOpen();
  if (isLog(what) && resolved.referralDepth !== undefined) {
    conflict('referralDepth has no meaning together with a log: give it to env.discover()');
  }
  const { identity, keys } = services.check(resolved.attach);
  try {
    // Each attach accepts checked keys, and copies them.
    const attach = { __proto__: null, ...resolved.attach, ...keys } as AttachOptions;
    return await attachListed(what, { ...resolved, attach }, identity, services);
  } finally {
    wipeKeys(keys);
  }
}

async function attachListed(
  what: unknown,
  { concurrency, referralDepth, filter, attach }: ReturnType<typeof resolveOptions>,
  identity: HostIdentity,
  services: AttachAllServices,
): Promise<AttachAllReport> {
  const { hostNqn, hostId, sourceAddress, timeoutMs, signal, dhchap, tls } = attach;
  const log = isLog(what)
    ? what
    : await services.discover(what as string | TransportIdObject, {
        ...{ hostNqn, hostId, sourceAddress, timeoutMs, signal, dhchap, tls },
        referralDepth: checkDepth(referralDepth),
      });
  const { chosen, skipped } = choose(checkedEntries(log), filter, tls !== undefined);
  const report = { log, skipped, attached: [], present: [], failed: [] } as Writable<AttachAllReport>;
  const queue = [...chosen];
  const attachNext = async (): Promise<void> => {
    for (let next = queue.shift(); next && !signal?.aborted; next = queue.shift()) {
      const { entry, id } = next;
      const controller = services.controllers().find((one) => isThere(one, id, identity));
      if (controller) report.present.push({ entry, controller });
      else {
        await services.attach(id, attach).then(
          (attached) => report.attached.push({ entry, controller: attached }),
          (error) => report.failed.push({ entry, error }),
        );
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, attachNext));
  if (signal?.aborted) {
    for (const { controller } of report.attached) controller.giveBack();
    throw abortError(`Attaching everything at ${log.transportId.traddr}`, signal);
  }
  services.checkOpen();
  return report;
}

type Writable<Report> = {
  -readonly [Key in keyof Report]: Report[Key] extends readonly (infer Item)[] ? Item[] : Report[Key];
};

type Filter = (entry: DiscoveryEntry) => unknown;

function resolveOptions(options: unknown) {
  const given = readOptions(options, 'attachAll options', keys);
  const { concurrency, referralDepth, filter, ...attach } = fieldsOf(given);
  return {
    concurrency: checkInteger(or(concurrency, 4), 'concurrency', 1, 64),
    referralDepth: optional(referralDepth, checkDepth),
    filter: optional(filter, checkFilter) ?? (() => true),
    attach: { ...attach, signal: optional(given.get('signal'), checkSignal) } as AttachOptions,
  };
}

function checkFilter(value: unknown): Filter {
  if (typeof value === 'function') return value as Filter;
  throw new SpdkTypeError(`filter must be a function; got ${describe(value)}`);
}

function isLog(value: unknown): value is DiscoveryLog {
  return reading('the log', () => typeof value === 'object' && value !== null && 'entries' in value);
}

/** Decides which entries are to be attached, and why the others are not. */
function choose(entries: readonly DiscoveryEntry[], filter: Filter, withTls: boolean) {
  const chosen: { readonly entry: DiscoveryEntry; readonly id: TransportId }[] = [];
  const skipped: { readonly entry: DiscoveryEntry; readonly reason: SkipReason }[] = [];
  const known = new Set<string>();
  for (const entry of entries) {
    const id = entry.transportId;
    const reason = id ? reasonToSkip(entry, id, known, filter, withTls) : noId(entry);
    if (reason || !id) skipped.push({ entry, reason: reason ?? 'transport' });
    else chosen.push({ entry, id });
    if (id) known.add(formatTransportId(id));
  }
  return { chosen, skipped };
}

function noId({ subtype }: DiscoveryEntry): SkipReason {
  return subtype === 'nvm' ? 'transport' : 'not-nvm';
}

function reasonToSkip(
  entry: DiscoveryEntry,
  id: TransportId,
  known: ReadonlySet<string>,
  filter: Filter,
  withTls: boolean,
): SkipReason | undefined {
  if (entry.subtype !== 'nvm') return 'not-nvm';
  // A connection to it reaches this machine itself, whatever host sent the log.
  if (id.traddr === '0.0.0.0' || id.traddr === '::') return 'any-address';
  if (!canSecure(entry, withTls)) return 'secure-channel';
  if (known.has(formatTransportId(id))) return 'duplicate';
  const picked = picks(filter, entry);
  // A promise would count as true, whatever it resolves with.
  if (isPromise(picked)) {
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', 'The filter returned a promise; it must not be async');
  }
  return picked ? undefined : 'filter';
}

function picks(filter: Filter, entry: DiscoveryEntry): unknown {
  try {
    return filter(entry);
  } catch (error) {
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', 'The filter threw an error; see its cause', {
      cause: error,
    });
  }
}

/** Checks the entries: a log may have been made by hand. */
function checkedEntries(log: DiscoveryLog): DiscoveryEntry[] {
  try {
    const entries = entriesOf(log);
    for (const { transportId } of entries) if (transportId) parseTransportId(transportId);
    return entries;
  } catch (cause) {
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', 'The log is not one that env.discover() returned', {
      cause,
    });
  }
}

function entriesOf(log: DiscoveryLog): DiscoveryEntry[] {
  return [...log.entries, ...log.referrals.flatMap(entriesOf)];
}

function isThere(controller: Controller, id: TransportId, host: HostIdentity): boolean {
  return (
    present.includes(controller.state) &&
    !controller.leaving &&
    controller.hostNqn === host.nqn &&
    controller.hostId === host.id &&
    formatTransportId(controller.transportId) === formatTransportId(id)
  );
}
