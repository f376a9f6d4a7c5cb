// The options that name targets and hosts, as in nvme-cli, and what the package makes of them.

import { isIP } from 'node:net';
import { type Command, Option } from 'commander';
import {
  type AttachOptions,
  type DiscoverOptions,
  formatTransportId,
  parseTransportId,
  type TransportId,
} from 'spdk-nvme';
import { codeOf, explain, Failure, UsageError } from '../process/exit.js';
import { address, host, nqn, transportId, uuid } from './identifiers.js';
import { addKeyOptions, type KeyOptions, keysOf } from './key-options.js';
import { integer } from './numbers.js';

/** The options that name a target, as in nvme-cli. */
export interface TargetOptions extends KeyOptions {
  readonly transport?: 'rdma' | 'tcp';
  readonly traddr?: string;
  readonly trsvcid?: string;
  readonly nqn?: string[];
  readonly transportId?: TransportId[];
  readonly hostnqn?: string;
  readonly hostid?: string;
  readonly hostTraddr?: string;
  readonly timeout: number;
  readonly keepAliveTmo?: number;
}

/** The ports that IANA assigned: to NVMe over fabrics, and to discovery over TCP; nvme-cli's defaults. */
const controllerPort = { rdma: '4420', tcp: '4420' };
const discoveryPorts = { rdma: '4420', tcp: '8009' };
/** The name that every discovery service has. */
const discoveryNqn = 'nqn.2014-08.org.nvmexpress.discovery';
/** The longest keep-alive timeout, in seconds as in nvme-cli; some targets count whole seconds. */
const maxKeepAlive = 3_600;
const maxMs = 3_600_000;
const defaultTimeoutMs = 5_000;

/** A parser for an option that may be given several times. */
function collect<Value>(parse: (text: string) => Value) {
  return (text: string, before: Value[] = []): Value[] => [...before, parse(text)];
}

/**
 * Adds the options for the target, the host identity and keys.
 * @param discovery the target is a discovery service
 * @param listed without an NQN the target is a discovery service, whose log lists the controllers
 */
export function addTargetOptions(
  command: Command,
  {
    several = false,
    discovery = false,
    listed = false,
    timeoutMs = defaultTimeoutMs,
    long = false,
    nqnHelp = 'the subsystem’s NQN',
  } = {},
): Command {
  const port = discovery
    ? '8009 over TCP, else 4420'
    : listed
      ? '4420; without --nqn as for discover'
      : '4420';
  const repeat = several ? '; may be given several times' : '';
  command
    .addOption(transportOption())
    .option('-a, --traddr <ADDRESS>', 'the target’s IP address or host name', host)
    .option('-s, --trsvcid <PORT>', `the target’s port (default: ${port})`, servicePort)
    .option('-n, --nqn <NQN>', `${nqnHelp}${repeat}`, collect(nqn))
    .option('-r, --transport-id <ID>', `all of these in SPDK’s notation${repeat}`, collect(transportId))
    .option('-q, --hostnqn <NQN>', 'the NQN of this host', nqn)
    .option('-I, --hostid <UUID>', 'the identifier of this host', uuid)
    .option('-w, --host-traddr <ADDRESS>', 'the local IP address to connect from', address)
    .option(
      '--timeout <MS>',
      long
        ? 'the time limit for connecting, and for the command, which otherwise has 10 minutes'
        : 'the time limit for connecting and for each command',
      integer(1, maxMs),
      timeoutMs,
    )
    .option(
      '-k, --keep-alive-tmo <SECONDS>',
      'the keep-alive timeout; 0 turns it off',
      integer(0, maxKeepAlive),
    );
  return addKeyOptions(command);
}

/** As in nvme-cli, and in capitals, as in SPDK's notation. */
function transportOption(): Option {
  const option = new Option('-t, --transport <TYPE>', 'the transport').choices(['rdma', 'tcp']);
  const parse = option.parseArg;
  return option.argParser((text, before) => parse?.(text.toLowerCase(), before));
}

function servicePort(text: string): string {
  return String(integer(1, 65_535)(text));
}

/** The one controller that the options name. */
export function targetOf(options: TargetOptions): TransportId {
  const all = targetsOf(options);
  if (all.length > 1)
    throw new UsageError('Name one subsystem: --nqn or --transport-id was given more than once');
  return all[0] as TransportId;
}

/** All controllers that the options name, in their order. */
export function targetsOf(options: TargetOptions): TransportId[] {
  const ids = idsOf(options, controllerPort, options.nqn);
  const nameless = ids.find(({ subnqn }) => subnqn === undefined);
  if (nameless) throw new UsageError(`--transport-id ${formatTransportId(nameless)} has no subnqn`);
  return ids;
}

/** The discovery service that the options name; it needs no NQN. */
export function serviceOf(options: TargetOptions): TransportId {
  const [id, another] = idsOf(options, discoveryPorts, options.nqn ?? [undefined]);
  if (!id || another) throw new UsageError('Name one discovery service');
  return id;
}

/** The controllers that the options name, or the discovery service in whose log they are. */
export function targetsOrServiceOf(
  options: TargetOptions,
): { readonly targets: TransportId[] } | { readonly service: TransportId } {
  const names = options.transportId?.map(({ subnqn }) => subnqn) ?? options.nqn ?? [undefined];
  const ofService = names.some((name) => name === undefined || name === discoveryNqn);
  return ofService ? { service: serviceOf(options) } : { targets: targetsOf(options) };
}

/** The subsystems that `--nqn` selects in a discovery log; the name of every service selects none. */
export function selectedOf({ nqn = [] }: TargetOptions): string[] {
  const again = repeated(nqn);
  if (again !== undefined) throw new UsageError(`--nqn ${again} was given twice`);
  return nqn.filter((name) => name !== discoveryNqn);
}

function repeated(texts: readonly string[]): string | undefined {
  return texts.find((text, index) => texts.indexOf(text) < index);
}

/** Says more of a service that is not at the port for discovery: many targets have theirs at the port of their subsystems. */
export async function withPortHint<Result>(
  { trsvcid, transportId, transport }: TargetOptions,
  asking: Promise<Result>,
): Promise<Result> {
  try {
    return await asking;
  } catch (error) {
    const byDefault = trsvcid === undefined && transportId === undefined && transport === 'tcp';
    if (!byDefault || codeOf(error) !== 'ERR_SPDK_UNREACHABLE') throw error;
    throw new Failure(
      `${explain(error)} ${discoveryPorts.tcp} is the default; try -s ${controllerPort.tcp}, too.`,
    );
  }
}

function idsOf(
  options: TargetOptions,
  ports: typeof discoveryPorts,
  nqns: readonly (string | undefined)[] = [],
): TransportId[] {
  const { transport, traddr, trsvcid, nqn = [], transportId = [] } = options;
  // Now, because wrong options are to be reported before anything is opened.
  keysOf(options);
  const apart = transport !== undefined || traddr !== undefined || trsvcid !== undefined || nqn.length > 0;
  if (apart && transportId.length > 0) {
    throw new UsageError('Use --transport-id, or --transport, --traddr, --trsvcid and --nqn, not both');
  }
  if (transportId.length > 0) return fitting(transportId, options);
  if (transport === undefined || traddr === undefined || nqns.length === 0) throw missing(options, nqns);
  const trtype = transport.toUpperCase();
  const adrfam = traddr.includes(':') ? 'IPv6' : 'IPv4';
  const service = trsvcid ?? ports[transport];
  return fitting(
    nqns.map((subnqn) => parseTransportId({ trtype, adrfam, traddr, trsvcid: service, subnqn })),
    options,
  );
}

/** The targets, each once, which the other options must fit. */
function fitting(ids: TransportId[], { hostTraddr, tlsKey }: TargetOptions): TransportId[] {
  const again = repeated(ids.map(formatTransportId));
  if (again !== undefined) throw new UsageError(`The target ${again} was given twice`);
  if (tlsKey !== undefined && ids.some(({ trtype }) => trtype !== 'TCP'))
    throw new UsageError('--tls-key needs the transport TCP');
  const other = hostTraddr && ids.find(({ traddr }) => isIP(traddr) !== isIP(hostTraddr));
  if (other) {
    throw new UsageError(
      `--host-traddr ${hostTraddr} is IPv${isIP(hostTraddr)}, and the target ${other.traddr} is not`,
    );
  }
  return ids;
}

function missing({ transport, traddr }: TargetOptions, nqns: readonly (string | undefined)[]): UsageError {
  const lacking = [
    transport === undefined ? '--transport' : '',
    traddr === undefined ? '--traddr' : '',
    nqns.length === 0 ? '--nqn' : '',
  ].filter(Boolean);
  return new UsageError(`Name the target: ${lacking.join(', ')} missing`);
}

/** Adds the option of the verbs that read a discovery log. */
export function addReferralsOption(command: Command): Command {
  return command.option('--referrals <DEPTH>', 'follow referrals to this depth', integer(0, 8), 0);
}

/** The options for `env.discover()`. */
export function discoverOptionsOf(options: TargetOptions): DiscoverOptions {
  const { keepAliveMs: _, ...asked } = attachOptionsOf(options);
  return asked;
}

/** The options for `env.attach()`. */
export function attachOptionsOf(options: TargetOptions): AttachOptions {
  const { hostnqn, hostid, hostTraddr, timeout, keepAliveTmo } = options;
  return {
    timeoutMs: timeout,
    hostNqn: hostnqn,
    hostId: hostid,
    sourceAddress: hostTraddr,
    keepAliveMs: keepAliveTmo === undefined ? undefined : keepAliveTmo * 1_000,
    ...keysOf(options),
  };
}
