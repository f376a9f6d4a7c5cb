// The options of `controller.detach`.

import { checkInteger, readOptions } from './arguments.js';
import { checkTimeout, conflict, maxTimerMs, or, type Resolved } from './common.js';

/** Options of `controller.detach`; all keys are optional. */
export interface DetachOptions {
  /**
   * How long to wait for outstanding I/O and admin commands before it is aborted, in milliseconds, 0 to `timeoutMs`.
   * Default 1000, or half of `timeoutMs` if that is less. The last quarter of `timeoutMs`, at most 500 ms, is always left
   * for disconnecting.
   */
  drainMs?: number | undefined;
  /**
   * The time limit of the whole detach in milliseconds, 1 to 2147483647. Default 5000. ERR_SPDK_WEDGED may be half a
   * second later, because it has the stacks of the threads.
   */
  timeoutMs?: number | undefined;
}

/** What of `timeoutMs` the drain leaves: enough to disconnect, where all of it would end in ERR_SPDK_WEDGED. */
const restMs = (timeoutMs: number) => Math.min(500, Math.ceil(timeoutMs / 4));

export type ResolvedDetachOptions = Resolved<DetachOptions>;

/**
 * Checks the options of `controller.detach` and fills in the defaults.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE, or ERR_SPDK_CONFLICTING_OPTIONS for a
 *   `drainMs` above `timeoutMs`
 */
export function resolveDetachOptions(options?: unknown): ResolvedDetachOptions {
  const given = readOptions(options, 'detach options', [
    'drainMs',
    'timeoutMs',
  ] as const satisfies readonly (keyof DetachOptions)[]);
  const timeoutMs = checkTimeout(or(given.get('timeoutMs'), 5_000));
  const drainMs = checkInteger(
    or(given.get('drainMs'), Math.min(1_000, Math.floor(timeoutMs / 2))),
    'drainMs',
    0,
    maxTimerMs,
    'milliseconds',
  );
  if (drainMs > timeoutMs) {
    const origin = given.has('timeoutMs') ? '' : ', its default';
    conflict(
      `drainMs (${drainMs}) must not be above timeoutMs (${timeoutMs}${origin}): it is part of that time`,
    );
  }
  return Object.freeze({ drainMs: Math.min(drainMs, timeoutMs - restMs(timeoutMs)), timeoutMs });
}
