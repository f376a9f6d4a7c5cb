// The options of `env.attach`. Longer than other files, because half of it documents them.

import { SpdkError } from '../errors/spdk-error.js';
import { checkBoolean, checkInteger, checkOneOf, checkString, describe, readOptions } from './arguments.js';
import {
  checkOnTimeout,
  checkSignal,
  checkTimeout,
  conflict,
  invalid,
  maxTimerMs,
  optional,
  or,
  type Resolved,
} from './common.js';
import type { MachineIdentity } from './host-identity.js';
import { wipedIfThrown } from './key-source.js';
import {
  type DhchapOptions,
  type ResolvedDhchap,
  type ResolvedTls,
  resolveDhchap,
  resolveTls,
  type TlsOptions,
} from './keys.js';
import { checkNqn, isUuid, uuidOfNqn } from './nqn.js';
import { canonicalAddress, type TransportId } from './transport-id.js';

/** Which threads poll a controller's queue pairs: poller threads, the JavaScript thread, or whichever has the time. */
export type PollingMode = 'threads' | 'inline' | 'adaptive';

/** Options of `env.attach`; all keys are optional. */
export interface AttachOptions {
  /**
   * The NQN of this host. Default: the one in /etc/nvme/hostnqn, as for nvme-cli; without that file one computed from
   * /etc/nvme/hostid; without either a random one, the same for the whole process.
   */
  hostNqn?: string | undefined;
  /**
   * The host identifier, a UUID that is not all zeroes. Default: the one in /etc/nvme/hostid if `hostNqn` is omitted or
   * equals that of the file; otherwise the UUID in a UUID-based `hostNqn`, or a UUID computed from `hostNqn`.
   */
  hostId?: string | undefined;
  /** I/O queues to request, 1 to 1024; the target may grant fewer. Default 1. */
  ioQueues?: number | undefined;
  /** Entries of each I/O queue, 2 to 32768; the target may grant fewer. Default 128. */
  queueDepth?: number | undefined;
  /**
   * The keep-alive timeout in milliseconds. The target ends the connection if it receives no command for this time, and a
   * controller that does not respond for this time fails. 0 turns both off; otherwise 1000 to 3600000. Default 10000.
   */
  keepAliveMs?: number | undefined;
  /** The time limit of the whole attach in milliseconds, 1 to 2147483647. Default 5000. */
  timeoutMs?: number | undefined;
  /** Cancels the attach when it fires. */
  signal?: AbortSignal | undefined;
  /**
   * `adaptive` (default): the JavaScript thread polls the queue pairs in its event loop while operations are pending. A
   * poller thread polls instead while JavaScript is busy for more than some hundred microseconds, or completions are rare.
   * `threads`: poller threads poll and wake the JavaScript thread for completions. JavaScript spends no time on polling,
   * but each operation is passed between threads twice.
   * `inline`: only the JavaScript thread polls; while it is busy, no I/O completes.
   */
  polling?: PollingMode | undefined;
  /** Operations that may wait for room in one queue, 0 to 1048576; more reject with ERR_SPDK_QUEUE_FULL. Default 16384. */
  maxWaiting?: number | undefined;
  /**
   * The time limit of every operation and batched command that has none of its own, in milliseconds, 1 to 2147483647.
   * Default: none; an operation then ends when the controller completes it or fails.
   */
  ioTimeoutMs?: number | undefined;
  /**
   * The default of `OperationOptions.onTimeout`: what is done about the command of an operation that has timed out or was aborted
   * (`none`, `abort` or `reset`). It does not apply to commands of a batch. Default `none`.
   */
  onTimeout?: 'none' | 'abort' | 'reset' | undefined;
  /**
   * How long attempts to re-establish a lost connection continue, in milliseconds, up to 2147483647 or `Infinity`. With 0, the
   * default, a loss fails the controller immediately.
   */
  ctrlrLossTimeoutMs?: number | undefined;
  /**
   * The time from the start of one attempt to reconnect to the start of the next, in milliseconds, 1 to `ctrlrLossTimeoutMs`.
   * Default 1000, or `ctrlrLossTimeoutMs` if that is less; 0 without a reconnect policy.
   */
  reconnectDelayMs?: number | undefined;
  /**
   * How long I/O waits for the connection before it rejects, in milliseconds, `reconnectDelayMs` to
   * `ctrlrLossTimeoutMs`. Default 0: as long as attempts continue.
   */
  fastIoFailTimeoutMs?: number | undefined;
  /**
   * Whether attempts to reconnect end at the first one that the target rejects permanently: the subsystem is gone, or this host is no
   * longer allowed. Default false: they continue, because an administrator may undo that. Needs a `ctrlrLossTimeoutMs` above 0.
   */
  stopOnRejection?: boolean | undefined;
  /**
   * The local IP address to connect from, of the same family as the target's; RDMA and TCP only. Over TCP it is rejected
   * with ERR_SPDK_UNSUPPORTED for SPDK v22.05 to v24.05, and for older releases as shared libraries.
   */
  sourceAddress?: string | undefined;
  /**
   * Always rejected with ERR_SPDK_UNSUPPORTED: each queue of a controller, including the admin queue, has its own
   * connection, and these cannot share a local port.
   */
  sourcePort?: number | undefined;
  /**
   * Whether the headers of all messages carry a checksum (CRC32C) in both directions; TCP only. A wrong one ends the connection. The
   * target may decline. Default false.
   */
  headerDigest?: boolean | undefined;
  /** As `headerDigest`, for the data of reads and writes, which otherwise has only TCP's own checksum. Default false. */
  dataDigest?: boolean | undefined;
  /**
   * How long the network may leave data unacknowledged, as a power of two, 1 to 31: over RDMA 4.096 µs · 2^n for each of
   * `transportRetryCount` + 1 attempts, over TCP 2^n ms in all. Over TCP it is rejected with ERR_SPDK_UNSUPPORTED before SPDK v22.05.
   * Default: the network device's, or the kernel's for TCP.
   */
  transportAckTimeout?: number | undefined;
  /** How often the network device resends data that is not acknowledged, 0 to 7; RDMA only. Default 4. */
  transportRetryCount?: number | undefined;
  /** The type of service of all packets, 1 to 255; RDMA only. It is rejected with ERR_SPDK_UNSUPPORTED before SPDK v23.01. Default 0. */
  tos?: number | undefined;
  /**
   * Keys for DH-HMAC-CHAP, by which host and controller authenticate each other. Default: none; a controller that asks for
   * authentication then rejects the connection. Needs SPDK v24.05, otherwise rejected with ERR_SPDK_UNSUPPORTED.
   */
  dhchap?: DhchapOptions | undefined;
  /**
   * Encrypts all connections of the controller by TLS 1.3; TCP only. Default: none. Needs SPDK v24.05, otherwise rejected
   * with ERR_SPDK_UNSUPPORTED.
   */
  tls?: TlsOptions | undefined;
}

export type ResolvedAttachOptions = Resolved<
  Omit<AttachOptions, 'dhchap' | 'tls'>,
  | 'hostNqn'
  | 'hostId'
  | 'signal'
  | 'ioTimeoutMs'
  | 'sourceAddress'
  | 'sourcePort'
  | 'transportAckTimeout'
  | 'transportRetryCount'
  | 'tos'
> & { readonly dhchap: ResolvedDhchap | undefined; readonly tls: ResolvedTls | undefined };

const pollingModes = ['threads', 'inline', 'adaptive'] as const satisfies readonly PollingMode[];

const reconnectKeys = [
  'ctrlrLossTimeoutMs',
  'reconnectDelayMs',
  'fastIoFailTimeoutMs',
  'stopOnRejection',
] as const;

/** @internal The keys of those that depend on the transport and on who is at its other end. */
export const transportKeys = [
  'headerDigest',
  'dataDigest',
  'transportAckTimeout',
  'transportRetryCount',
  'tos',
  'dhchap',
  'tls',
] as const satisfies readonly (keyof AttachOptions)[];

/** @internal The keys of {@link AttachOptions}. */
export const attachKeys = [
  'hostNqn',
  'hostId',
  'ioQueues',
  'queueDepth',
  'keepAliveMs',
  'timeoutMs',
  'signal',
  'polling',
  'maxWaiting',
  'ioTimeoutMs',
  'onTimeout',
  ...reconnectKeys,
  'sourceAddress',
  'sourcePort',
  ...transportKeys,
] as const satisfies readonly (keyof AttachOptions)[];

/** SPDK's own limit on a controller's I/O queues (DEFAULT_MAX_IO_QUEUES in lib/nvme/nvme_internal.h). */
const maxIoQueues = 1_024;

/** SPDK's own limit on a queue's entries, 2 MiB of submission queue (MAX_IO_QUEUE_ENTRIES, same file). */
const maxQueueDepth = 32_768;

/** An hour. SPDK multiplies the timeout by 1000 in 32 bits, which wraps at 71 minutes. */
const maxKeepAliveMs = 3_600_000;

/**
 * Checks the options of `env.attach` against each other and the transport id, and fills in the defaults.
 * @param machine the machine's own identity, if it has one
 * @throws {SpdkTypeError} not a plain object, or a value of the wrong type
 * @throws {SpdkError} ERR_SPDK_UNKNOWN_OPTION, ERR_SPDK_INVALID_ARG_VALUE, ERR_SPDK_INVALID_NQN, or
 *   ERR_SPDK_CONFLICTING_OPTIONS for a source address that cannot reach the target, or ERR_SPDK_UNSUPPORTED for a source port
 */
export function resolveAttachOptions(
  options: unknown,
  id: TransportId,
  machine: MachineIdentity = {},
): ResolvedAttachOptions {
  const given = readOptions(options, 'attach options', attachKeys);
  const hostNqn = optional(given.get('hostNqn'), (value) => checkNqn(value, 'hostNqn'));
  // The machine is asked only if it matters: its identity may have to be read from files.
  const impliedId = () => hostNqn && ((hostNqn === machine.nqn && machine.id) || uuidOfNqn(hostNqn));
  const wantedId = given.get('hostId');
  const hostId = optional(wantedId === undefined ? impliedId() : wantedId, checkHostId);
  const sourceAddress = optional(given.get('sourceAddress'), (value) => checkSourceAddress(value, id));
  const sourcePort = optional(given.get('sourcePort'), (value) =>
    checkInteger(value, 'sourcePort', 1, 65_535),
  );
  if (sourcePort !== undefined && sourceAddress === undefined) {
    conflict('sourcePort needs sourceAddress: pass both or neither');
  }
  if (sourcePort !== undefined) {
    throw new SpdkError(
      'ERR_SPDK_UNSUPPORTED',
      'sourcePort is not supported: each queue of a controller has its own connection, and these cannot share a local port. Omit it',
    );
  }
  const checked = {
    hostNqn,
    hostId,
    ioQueues: checkInteger(or(given.get('ioQueues'), 1), 'ioQueues', 1, maxIoQueues),
    queueDepth: checkInteger(or(given.get('queueDepth'), 128), 'queueDepth', 2, maxQueueDepth),
    keepAliveMs: checkKeepAlive(or(given.get('keepAliveMs'), 10_000)),
    timeoutMs: checkTimeout(or(given.get('timeoutMs'), 5_000)),
    signal: optional(given.get('signal'), checkSignal),
    polling: checkOneOf(or(given.get('polling'), 'adaptive'), 'polling', pollingModes),
    maxWaiting: checkInteger(or(given.get('maxWaiting'), 16_384), 'maxWaiting', 0, 1_048_576),
    ioTimeoutMs: optional(given.get('ioTimeoutMs'), (value) =>
      checkInteger(value, 'ioTimeoutMs', 1, maxTimerMs, 'milliseconds'),
    ),
    onTimeout: checkOnTimeout(or(given.get('onTimeout'), 'none')),
    ...checkReconnect(given),
    sourceAddress,
    sourcePort,
    ...checkTransport(given, id),
  };
  // These come last: nothing else throws once keys have been copied.
  const dhchap = optional(given.get('dhchap'), (value) => resolveDhchap(value));
  const tls = wipedIfThrown([dhchap?.key, dhchap?.controllerKey], () =>
    optional(given.get('tls'), (value) => resolveTls(value, id.trtype)),
  );
  return Object.freeze({ ...checked, dhchap, tls });
}

/** Checks what is for one of the transports only. */
function checkTransport(given: ReadonlyMap<string, unknown>, id: TransportId) {
  const isFor = (name: string, ...types: readonly TransportId['trtype'][]) => {
    if (!types.includes(id.trtype)) conflict(`${name} has no meaning for trtype ${id.trtype}: omit it`);
  };
  const digest = (name: string) => {
    const on = checkBoolean(or(given.get(name), false), name);
    if (on) isFor(name, 'TCP');
    return on;
  };
  const number = (name: string, min: number, max: number, ...types: readonly TransportId['trtype'][]) =>
    optional(given.get(name), (value) => {
      const checked = checkInteger(value, name, min, max);
      isFor(name, ...types);
      return checked;
    });
  return {
    headerDigest: digest('headerDigest'),
    dataDigest: digest('dataDigest'),
    transportAckTimeout: number('transportAckTimeout', 1, 31, 'RDMA', 'TCP'),
    transportRetryCount: number('transportRetryCount', 0, 7, 'RDMA'),
    tos: number('tos', 1, 255, 'RDMA'),
  };
}

function checkKeepAlive(value: unknown): number {
  const keepAliveMs = checkInteger(value, 'keepAliveMs', 0, maxKeepAliveMs, 'milliseconds');
  // Linux's target counts in whole seconds.
  if (keepAliveMs > 0 && keepAliveMs < 1_000) {
    invalid(`keepAliveMs must be 0 (off) or from 1000 to ${maxKeepAliveMs}; got ${keepAliveMs}`);
  }
  return keepAliveMs;
}

/** Checks the policy's three times against each other, as SPDK's bdev_nvme does. */
function checkReconnect(given: ReadonlyMap<string, unknown>) {
  const time = (name: string) =>
    optional(given.get(name), (value) => checkInteger(value, name, 0, maxTimerMs, 'milliseconds'));
  const endless = given.get('ctrlrLossTimeoutMs') === Number.POSITIVE_INFINITY;
  const loss = endless ? Number.POSITIVE_INFINITY : (time('ctrlrLossTimeoutMs') ?? 0);
  const delay = time('reconnectDelayMs') ?? Math.min(1_000, loss);
  const fastFail = time('fastIoFailTimeoutMs') ?? 0;
  const stopOnRejection = checkBoolean(or(given.get('stopOnRejection'), false), 'stopOnRejection');
  if (loss === 0) {
    const name = delay > 0 ? 'reconnectDelayMs' : fastFail > 0 ? 'fastIoFailTimeoutMs' : 'stopOnRejection';
    if (delay > 0 || fastFail > 0 || stopOnRejection) {
      conflict(`${name} needs a ctrlrLossTimeoutMs above 0: otherwise there is no reconnect`);
    }
  } else if (delay === 0) {
    conflict(`ctrlrLossTimeoutMs (${loss}) needs a reconnectDelayMs above 0`);
  } else if (delay > loss) {
    conflict(
      `ctrlrLossTimeoutMs (${loss}) must not be below reconnectDelayMs (${delay}): there would be no attempt`,
    );
  } else if (fastFail > 0 && fastFail < delay) {
    conflict(
      `fastIoFailTimeoutMs (${fastFail}) must not be below reconnectDelayMs (${delay}): I/O would fail before a second attempt`,
    );
  } else if (fastFail > loss) {
    conflict(
      `fastIoFailTimeoutMs (${fastFail}) must not be above ctrlrLossTimeoutMs (${loss}): the controller has failed by then`,
    );
  }
  return {
    ctrlrLossTimeoutMs: loss,
    reconnectDelayMs: delay,
    fastIoFailTimeoutMs: fastFail,
    stopOnRejection,
  };
}

function checkHostId(value: unknown): string {
  const hostId = checkString(value, 'hostId').toLowerCase();
  if (!isUuid(hostId)) invalid(`hostId must be a UUID of the form 8-4-4-4-12; got ${describe(hostId)}`);
  // All zeroes means "no host identifier", which targets reject and SPDK treats as "not set".
  if (/^[0-]+$/.test(hostId))
    invalid(
      'hostId, or the UUID in hostNqn, must not be all zeroes; omit it to use the default identity of this host',
    );
  return hostId;
}

function checkSourceAddress(value: unknown, id: TransportId): string {
  const text = checkString(value, 'sourceAddress');
  const source = canonicalAddress(text);
  // Linux binds a socket to these, and then connects it from any address.
  if (!source || /^(22[4-9]|23\d|255\.255\.255\.255$|ff)/.test(source.address))
    invalid(`sourceAddress must be an IPv4 or IPv6 address of this machine; got ${describe(text)}`);
  if (id.adrfam === undefined) conflict(`sourceAddress has no meaning for trtype ${id.trtype}: omit it`);
  if (source.family !== id.adrfam) {
    conflict(`sourceAddress ${source.address} is ${source.family}, but traddr ${id.traddr} is ${id.adrfam}`);
  }
  return source.address;
}
