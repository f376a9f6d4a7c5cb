// The options of `controller.changeKeys`.

import { readOptions } from './arguments.js';
import { checkTimeout, invalid, or } from './common.js';
import { type DhchapOptions, type ResolvedDhchap, resolveDhchap } from './keys.js';

/** Options of `controller.changeKeys`. */
export interface ChangeKeysOptions {
  /** The new keys. Without `controllerKey` the controller need not prove any more who it is. */
  dhchap: Pick<DhchapOptions, 'key' | 'controllerKey'>;
  /** The time limit in milliseconds, 1 to 2147483647. Default 5000. */
  timeoutMs?: number | undefined;
}

/** These options, checked. */
export interface ResolvedChangeKeysOptions {
  readonly dhchap: ResolvedDhchap;
  readonly timeoutMs: number;
}

/**
 * Checks the options of `controller.changeKeys` and fills in the defaults.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE, ERR_SPDK_CONFLICTING_OPTIONS, ERR_SPDK_INVALID_KEY
 */
export function resolveChangeKeysOptions(options: unknown): ResolvedChangeKeysOptions {
  const given = readOptions(options, 'changeKeys options', [
    'dhchap',
    'timeoutMs',
  ] as const satisfies readonly (keyof ChangeKeysOptions)[]);
  const timeoutMs = checkTimeout(or(given.get('timeoutMs'), 5_000));
  if (given.get('dhchap') === undefined) invalid('changeKeys needs dhchap');
  // The hash functions and groups of a controller are those of its attach.
  return { timeoutMs, dhchap: resolveDhchap(given.get('dhchap'), ['key', 'controllerKey']) };
}
