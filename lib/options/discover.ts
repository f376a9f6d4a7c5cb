// The options of `env.discover` and `env.watchDiscovery`.

import { checkInteger, fieldsOf, readOptions } from './arguments.js';
import type { AttachOptions } from './attach.js';
import { maxTimerMs, or } from './common.js';

/**
 * Options of `env.discover`; all keys are optional. `dhchap` and `tls` are for the service, and for those that it refers to: the
 * log is only read from a service that accepts them.
 */
export interface DiscoverOptions
  extends Pick<
    AttachOptions,
    'hostNqn' | 'hostId' | 'sourceAddress' | 'timeoutMs' | 'signal' | 'dhchap' | 'tls'
  > {
  /** How deep to follow referrals, 0 to 8; each address is visited once. Default 0: not at all. */
  referralDepth?: number | undefined;
}

/** Options of `env.watchDiscovery`; all keys are optional. */
export interface WatchDiscoveryOptions
  extends Pick<
    AttachOptions,
    | 'hostNqn'
    | 'hostId'
    | 'sourceAddress'
    | 'keepAliveMs'
    | 'reconnectDelayMs'
    | 'ctrlrLossTimeoutMs'
    | 'dhchap'
    | 'tls'
  > {
  /**
   * The time limit for connecting and reading the log, and for each later reading, in milliseconds, 1 to 2147483647.
   * Default 5000.
   */
  timeoutMs?: number | undefined;
  /** Ends the watch when it fires. */
  signal?: AbortSignal | undefined;
  /**
   * How often to read the log of a service that does not report changes by itself, in milliseconds, 100 to 2147483647;
   * 0: never. Default 30000.
   */
  pollIntervalMs?: number | undefined;
}

/** Options shared with `env.attach`, which {@link resolveAttachOptions} checks. */
type ForAttach = Readonly<Record<string, unknown>>;

const hostKeys = ['hostNqn', 'hostId', 'sourceAddress', 'timeoutMs', 'signal', 'dhchap', 'tls'] as const;

/** Checks how deep referrals are followed. */
export function checkDepth(value: unknown): number {
  return checkInteger(or(value, 0), 'referralDepth', 0, 8);
}

/**
 * Checks the options of `env.discover`, except those of `env.attach`, which {@link resolveAttachOptions} checks.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION or ERR_SPDK_INVALID_ARG_VALUE
 */
export function resolveDiscoverOptions(options?: unknown): {
  readonly referralDepth: number;
  readonly attach: ForAttach;
} {
  const given = readOptions(options, 'discover options', [
    ...hostKeys,
    'referralDepth',
  ] as const satisfies readonly (keyof DiscoverOptions)[]);
  const { referralDepth, ...attach } = fieldsOf(given);
  return { referralDepth: checkDepth(referralDepth), attach };
}

/** Checks the options of `env.watchDiscovery`. By default a lost connection is re-established without a time limit. */
export function resolveWatchOptions(options?: unknown): {
  readonly pollIntervalMs: number;
  readonly attach: ForAttach;
} {
  const given = readOptions(options, 'watchDiscovery options', [
    ...hostKeys,
    'keepAliveMs',
    'reconnectDelayMs',
    'ctrlrLossTimeoutMs',
    'pollIntervalMs',
  ] as const satisfies readonly (keyof WatchDiscoveryOptions)[]);
  const { pollIntervalMs = 30_000, ...attach } = fieldsOf(given);
  return {
    pollIntervalMs:
      pollIntervalMs === 0
        ? 0
        : checkInteger(pollIntervalMs, 'pollIntervalMs', 100, maxTimerMs, 'milliseconds'),
    attach: { ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY, ...attach },
  };
}
