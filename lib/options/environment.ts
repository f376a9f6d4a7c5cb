// The options of `Environment.init` and `env.close`.

import { checkInteger, checkOneOf, checkString, describe, readOptions } from './arguments.js';
import { checkTimeout, invalid, or, type Resolved } from './common.js';

/** How poller threads wait when there is nothing to do. */
export type IdleMode = 'adaptive' | 'spin';

/** Where SPDK's and DPDK's log lines go: to the environment's `log` event, or to the process's standard error. */
export type LogSink = 'event' | 'stderr';

/** Lines of this level or more severe are passed on. */
export type LogLevel = 'error' | 'warn' | 'notice' | 'info' | 'debug';

/** Options of `Environment.init`; all keys are optional. */
export interface EnvironmentOptions {
  /** The process's name for DPDK: 1 to 64 letters, digits, `.`, `_` and `-`. Default `spdk-nvme`. */
  name?: string | undefined;
  /** Poller threads, 1 to 64; the queue pairs of controllers are distributed over them. Default 1. */
  pollers?: number | undefined;
  /**
   * Hugepage memory in MiB to reserve at the start, 64 to 1048576. Default 256, or in a process that has started SPDK
   * with less, that. DPDK reserves more when needed, as long as the machine has free hugepages.
   */
  memoryMb?: number | undefined;
  /** `adaptive` (default) spins while there is work and sleeps when there is none; `spin` never sleeps. */
  idle?: IdleMode | undefined;
  /**
   * The longest sleep of an idle poller in microseconds, 1 to 100000; new commands and lost TCP connections end it. A hundred times
   * that if all of its controllers are idle and connected over TCP. Default 100000.
   */
  idleSleepUs?: number | undefined;
  /** Where log lines go. Default `event`. */
  log?: LogSink | undefined;
  /** The least severe lines that are passed on. Default `notice`. */
  logLevel?: LogLevel | undefined;
  /**
   * Simultaneous connects, 1 to 64; further ones wait. Many exceed the time limits of the connection manager and of the
   * Connect command (SPDK issues 1703, 2105 and 3279). Default 4.
   */
  connectConcurrency?: number | undefined;
}

/** Options of `env.close`; all keys are optional. */
export interface CloseOptions {
  /** The time limit of the whole close in milliseconds, 1 to 2147483647. Default 5000. */
  timeoutMs?: number | undefined;
}

export type ResolvedEnvironmentOptions = Resolved<EnvironmentOptions>;

type ResolvedCloseOptions = Resolved<CloseOptions>;

const idleModes = ['adaptive', 'spin'] as const satisfies readonly IdleMode[];

const logSinks = ['event', 'stderr'] as const satisfies readonly LogSink[];

/** The severities of SPDK (spdk/log.h), in its numbering. */
export const logLevels = ['error', 'warn', 'notice', 'info', 'debug'] as const satisfies readonly LogLevel[];

/**
 * Checks the options of `Environment.init` and fills in the defaults.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION or ERR_SPDK_INVALID_ARG_VALUE
 */
export function resolveEnvironmentOptions(options?: unknown): ResolvedEnvironmentOptions {
  return readEnvironmentRequest(options).wanted;
}

const environmentKeys = [
  'name',
  'pollers',
  'memoryMb',
  'idle',
  'idleSleepUs',
  'log',
  'logLevel',
  'connectConcurrency',
] as const satisfies readonly (keyof EnvironmentOptions)[];

/** The options of an environment, and which of them the program gave. */
export interface EnvironmentRequest {
  readonly wanted: ResolvedEnvironmentOptions;
  readonly given: readonly (keyof EnvironmentOptions)[];
}

/** As {@link resolveEnvironmentOptions}; and which of them were given. */
export function readEnvironmentRequest(options?: unknown): EnvironmentRequest {
  const given = readOptions(options, 'environment options', environmentKeys);
  const wanted = Object.freeze({
    name: checkName(or(given.get('name'), 'spdk-nvme')),
    pollers: checkInteger(or(given.get('pollers'), 1), 'pollers', 1, 64),
    memoryMb: checkInteger(or(given.get('memoryMb'), 256), 'memoryMb', 64, 1_048_576, 'MiB'),
    idle: checkOneOf(or(given.get('idle'), 'adaptive'), 'idle', idleModes),
    idleSleepUs: checkInteger(
      or(given.get('idleSleepUs'), 100_000),
      'idleSleepUs',
      1,
      100_000,
      'microseconds',
    ),
    log: checkOneOf(or(given.get('log'), 'event'), 'log', logSinks),
    logLevel: checkOneOf(or(given.get('logLevel'), 'notice'), 'logLevel', logLevels),
    connectConcurrency: checkInteger(or(given.get('connectConcurrency'), 4), 'connectConcurrency', 1, 64),
  });
  return { wanted, given: [...given.keys()] };
}

/**
 * Checks the options of `env.close` and fills in the defaults.
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION or ERR_SPDK_INVALID_ARG_VALUE
 */
export function resolveCloseOptions(options?: unknown): ResolvedCloseOptions {
  const given = readOptions(options, 'close options', [
    'timeoutMs',
  ] as const satisfies readonly (keyof CloseOptions)[]);
  return Object.freeze({ timeoutMs: checkTimeout(or(given.get('timeoutMs'), 5_000)) });
}

/** Checks the name, which DPDK uses in its command line, file names and thread names, so it must be valid in all three. */
function checkName(value: unknown): string {
  const name = checkString(value, 'name');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    invalid(
      `name must be 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit; got ${describe(name)}`,
    );
  }
  return name;
}
