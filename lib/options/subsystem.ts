// The options of `env.attachSubsystem`.

import { SpdkTypeError } from '../errors/spdk-error.js';
import {
  checkBoolean,
  checkInteger,
  checkOneOf,
  describe,
  fieldsOf,
  listIn,
  reading,
  readOptions,
} from './arguments.js';
import { type AttachOptions, attachKeys, type ResolvedAttachOptions, transportKeys } from './attach.js';
import { conflict, or } from './common.js';
import { wipedIfThrown } from './key-source.js';
import { sourcesOf } from './keys.js';
import {
  checkAttachable,
  formatTransportId,
  parseTransportId,
  type TransportId,
  type TransportIdObject,
} from './transport-id.js';

/** How the paths of a namespace are used, by the names of SPDK's bdev_nvme: one at a time, or all of them. */
export type PathPolicy = 'active-passive' | 'active-active';

/** How a path is chosen among all: in turn, or the one with the fewest outstanding operations. */
export type PathSelector = 'round-robin' | 'queue-depth';

/** The options of `env.attach` that belong to a connection, so that each path can have its own. */
const pathAttachKeys = [
  'sourceAddress',
  'ioQueues',
  'queueDepth',
  'keepAliveMs',
  ...transportKeys,
] as const satisfies readonly (keyof AttachOptions)[];

/**
 * A path with settings of its own. An option of `env.attach` that is given here replaces that of the subsystem for this path.
 * In this way, options that only one transport has can be given to the paths of that transport.
 */
export interface SubsystemPathOptions extends Readonly<Pick<AttachOptions, (typeof pathAttachKeys)[number]>> {
  /** As for `env.attach`. */
  readonly id: string | TransportIdObject;
  /** Whether `active-passive` uses this path whenever it is as good as the others. At most one. Default false. */
  readonly preferred?: boolean | undefined;
}

/**
 * Options of `env.attachSubsystem`: those of `env.attach`, which apply to each path, and the following. All keys are optional.
 *
 * `ctrlrLossTimeoutMs` is 60000 by default: a path that is lost, or that could not be attached, is connected again for
 * this time. `fastIoFailTimeoutMs` is how long operations wait for such a path when no other one is usable; by default
 * as long as attempts continue. `timeoutMs` and `signal` limit the wait for the first path. `maxWaiting` applies to each queue of each
 * path, and to the operations of a namespace that wait for a path or for earlier writes of the same blocks. An operation that a path has
 * accepted can move to another path even if that many wait there.
 */
export interface SubsystemOptions extends AttachOptions {
  /** Default `active-passive`. */
  policy?: PathPolicy | undefined;
  /** With `active-active` only. Default `round-robin`. */
  selector?: PathSelector | undefined;
}

/** A path as it is to be attached. */
export interface PathSpec {
  readonly transportId: TransportId;
  readonly preferred: boolean;
  readonly options: ResolvedAttachOptions;
}

/** The options with their defaults. */
export interface ResolvedSubsystemOptions {
  readonly policy: PathPolicy;
  readonly selector: PathSelector;
  /** For paths that are added later. */
  readonly attach: AttachOptions;
  readonly paths: readonly PathSpec[];
}

/** Checks the options of an attach. */
export type CheckAttach = (options: AttachOptions, id: TransportId) => ResolvedAttachOptions;

/** The most paths that are given at once, or that a discovery log adds up to. */
export const maxPaths = 64;
const defaultLossMs = 60_000;

/**
 * @throws {SpdkTypeError} @throws {SpdkError} the codes of `env.attach`; ERR_SPDK_CONFLICTING_OPTIONS for paths of
 *   different subsystems, a path that is given twice, several preferred paths, or options without meaning for the policy
 */
export function resolveSubsystemOptions(
  paths: unknown,
  options: unknown,
  check: CheckAttach,
): ResolvedSubsystemOptions {
  const given = readOptions(options, 'attachSubsystem options', [...attachKeys, 'policy', 'selector']);
  const { policy: policyGiven, selector: selectorGiven, ...rest } = fieldsOf(given);
  const policy = checkOneOf(or(policyGiven, 'active-passive'), 'policy', ['active-passive', 'active-active']);
  const selector = checkOneOf(or(selectorGiven, 'round-robin'), 'selector', ['round-robin', 'queue-depth']);
  if (selectorGiven !== undefined && policy === 'active-passive') {
    conflict("selector needs policy 'active-active': with 'active-passive' one path is used at a time");
  }
  const attach = { ctrlrLossTimeoutMs: defaultLossMs, ...rest } as AttachOptions;
  const known: PathSpec[] = [];
  try {
    for (const path of pathsOf(paths)) known.push(resolvePath(path, attach, policy, known, check));
  } catch (error) {
    // The caller gets none of these paths.
    for (const source of known.flatMap(({ options }) => sourcesOf(options))) source.wipe();
    throw error;
  }
  return { policy, selector, attach, paths: known };
}

/**
 * Checks one path against those that there are.
 * @throws as {@link resolveSubsystemOptions}
 */
export function resolvePath(
  path: unknown,
  attach: AttachOptions,
  policy: PathPolicy,
  known: readonly PathSpec[],
  check: CheckAttach,
): PathSpec {
  const given = isPathOptions(path)
    ? readOptions(path, 'path', ['id', 'preferred', ...pathAttachKeys])
    : new Map<string, unknown>([['id', path]]);
  const transportId = checkAttachable(parseTransportId(given.get('id') as string | TransportIdObject));
  const preferred = checkBoolean(or(given.get('preferred'), false), 'preferred');
  const own = [...given].filter(([key]) => key !== 'id' && key !== 'preferred');
  const options = check({ ...attach, ...Object.fromEntries(own) }, transportId);
  const spec = Object.freeze({ transportId, preferred, options });
  wipedIfThrown(sourcesOf(options), () => checkBeside(spec, known, policy));
  return spec;
}

/** @throws {SpdkError} ERR_SPDK_CONFLICTING_OPTIONS if the path does not go with the others */
function checkBeside(
  { transportId, preferred, options }: PathSpec,
  known: readonly PathSpec[],
  policy: PathPolicy,
): void {
  for (const other of known) {
    if (other.transportId.subnqn !== transportId.subnqn) {
      conflict(
        `All paths must lead to one subsystem; got ${other.transportId.subnqn} and ${transportId.subnqn}`,
      );
    }
    if (isSamePath(other, { transportId, options })) {
      conflict(`The path ${formatTransportId(transportId)} is given twice`);
    }
    if (preferred && other.preferred) conflict('At most one path can be preferred');
  }
  if (preferred && policy === 'active-active') {
    conflict("preferred needs policy 'active-passive': with 'active-active' all paths are used");
  }
}

/** Whether two paths have both ends in common. */
export function isSamePath(
  one: Pick<PathSpec, 'transportId' | 'options'>,
  other: Pick<PathSpec, 'transportId' | 'options'>,
): boolean {
  return (
    formatTransportId(one.transportId) === formatTransportId(other.transportId) &&
    one.options.sourceAddress === other.options.sourceAddress
  );
}

function isPathOptions(path: unknown): path is SubsystemPathOptions {
  return reading('a path', () => typeof path === 'object' && path !== null && Object.hasOwn(path, 'id'));
}

function pathsOf(paths: unknown): unknown[] {
  const list = listIn(paths, 'the paths', maxPaths);
  if (!list) throw new SpdkTypeError(`paths must be an array of transport ids; got ${describe(paths)}`);
  checkInteger(list.length, 'the number of paths', 1, maxPaths);
  return list;
}
