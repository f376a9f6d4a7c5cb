// The options of `env.discover`.

import { checkInteger, readOptions } from './arguments.js';
import type { AttachOptions } from './attach.js';

/** What `env.discover` takes; every key may be left out. */
export interface DiscoverOptions
  extends Pick<AttachOptions, 'hostNqn' | 'hostId' | 'sourceAddress' | 'timeoutMs' | 'signal'> {
  /** How many services deep referrals are followed, 0 to 8; each address is asked once. Default 0: not at all. */
  referralDepth?: number | undefined;
}

/**
 * Checks the options of `env.discover`; those that an attach takes too are for {@link resolveAttachOptions} to check.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION or ERR_SPDK_INVALID_ARG_VALUE
 */
export function resolveDiscoverOptions(options?: unknown): {
  readonly referralDepth: number;
  readonly attach: Readonly<Record<string, unknown>>;
} {
  const given = readOptions(options, 'discover options', [
    'hostNqn',
    'hostId',
    'sourceAddress',
    'timeoutMs',
    'signal',
    'referralDepth',
  ] as const satisfies readonly (keyof DiscoverOptions)[]);
  const { referralDepth = 0, ...attach } = Object.fromEntries(given);
  return { referralDepth: checkInteger(referralDepth, 'referralDepth', 0, 8), attach };
}
