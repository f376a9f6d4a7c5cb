// The options of `controller.reset`.

import { readOptions } from './arguments.js';
import { checkTimeout, or, type Resolved } from './common.js';

/** Options of `controller.reset`; all keys are optional. */
export interface ResetOptions {
  /** How long to wait for the reset, in milliseconds, 1 to 2147483647. Default 5000. */
  timeoutMs?: number | undefined;
}

type ResolvedResetOptions = Resolved<ResetOptions>;

/**
 * Checks the options of `controller.reset` and fills in the defaults.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION or ERR_SPDK_INVALID_ARG_VALUE
 */
export function resolveResetOptions(options?: unknown): ResolvedResetOptions {
  const given = readOptions(options, 'reset options', [
    'timeoutMs',
  ] as const satisfies readonly (keyof ResetOptions)[]);
  return Object.freeze({ timeoutMs: checkTimeout(or(given.get('timeoutMs'), 5_000)) });
}
