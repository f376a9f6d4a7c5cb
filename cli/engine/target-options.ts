import { type Command, Option } from 'commander';
import { type AttachOptions, parseTransportId, type TransportId } from 'spdk-nvme';
import { UsageError } from './exit.js';
import { integer } from './numbers.js';

/** The options that name a target, as in nvme-cli. */
export interface TargetOptions {
  readonly transport?: 'rdma' | 'tcp';
  readonly traddr?: string;
  readonly trsvcid?: string;
  readonly nqn?: string[];
  readonly transportId?: string[];
  readonly hostnqn?: string;
  readonly hostid?: string;
  readonly hostTraddr?: string;
  readonly timeout: number;
  readonly keepAlive?: number;
}

/** The ports that IANA assigned: to NVMe over fabrics, and to discovery over TCP; nvme-cli's defaults. */
const controllerPort = { rdma: '4420', tcp: '4420' };
const discoveryPorts = { rdma: '4420', tcp: '8009' };
const collect = (text: string, before: string[] = []): string[] => [...before, text];

/** Adds the options for the target and the host identity. */
export function addTargetOptions(command: Command, { several = false, discovery = false } = {}): Command {
  const port = discovery ? '8009 over TCP, else 4420' : '4420';
  const repeat = several ? '; may be given several times' : '';
  return command
    .addOption(new Option('-t, --transport <TYPE>', 'how to reach the target').choices(['rdma', 'tcp']))
    .option('-a, --traddr <ADDRESS>', 'the target’s IP address')
    .option('-s, --trsvcid <PORT>', `the target’s port (default: ${port})`)
    .option('-n, --nqn <NQN>', `the subsystem’s NQN${repeat}`, collect)
    .option('-r, --transport-id <ID>', `all of these in SPDK’s notation${repeat}`, collect)
    .option('-q, --hostnqn <NQN>', 'the NQN of this host')
    .option('-I, --hostid <UUID>', 'the identifier of this host')
    .option('-w, --host-traddr <ADDRESS>', 'the local IP address to connect from')
    .option(
      '--timeout <MS>',
      'the time limit for connecting and for each command',
      integer(1, 3_600_000),
      5_000,
    )
    .option('-k, --keep-alive <MS>', 'the keep-alive timeout; 0 turns it off', integer(0, 3_600_000));
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
  return idsOf(options, controllerPort, options.nqn);
}

/** The discovery service that the options name; it needs no NQN. */
export function serviceOf(options: TargetOptions): TransportId {
  const [id, another] = idsOf(options, discoveryPorts, options.nqn ?? [undefined]);
  if (!id || another) throw new UsageError('Name one discovery service');
  return id;
}

function idsOf(
  options: TargetOptions,
  ports: typeof discoveryPorts,
  nqns: readonly (string | undefined)[] = [],
): TransportId[] {
  const { transport, traddr, trsvcid, nqn = [], transportId = [] } = options;
  const apart = transport !== undefined || traddr !== undefined || trsvcid !== undefined || nqn.length > 0;
  if (apart && transportId.length > 0) {
    throw new UsageError('Use --transport-id, or --transport, --traddr, --trsvcid and --nqn, not both');
  }
  if (transportId.length > 0) return transportId.map((id) => parseTransportId(id));
  if (transport === undefined || traddr === undefined || nqns.length === 0) throw missing(options, nqns);
  const trtype = transport.toUpperCase();
  const adrfam = traddr.includes(':') ? 'IPv6' : 'IPv4';
  const service = trsvcid ?? ports[transport];
  return nqns.map((subnqn) => parseTransportId({ trtype, adrfam, traddr, trsvcid: service, subnqn }));
}

function missing({ transport, traddr }: TargetOptions, nqns: readonly (string | undefined)[]): UsageError {
  const lacking = [
    transport === undefined ? '--transport' : '',
    traddr === undefined ? '--traddr' : '',
    nqns.length === 0 ? '--nqn' : '',
  ].filter(Boolean);
  return new UsageError(
    `Name the target: ${lacking.join(', ')} missing. For example: -t tcp -a 192.0.2.1 -s 4420 -n nqn.2016-06.io.spdk:cnode1`,
  );
}

/** The options for `env.attach()`. */
export function attachOptionsOf(options: TargetOptions): AttachOptions {
  const { hostnqn, hostid, hostTraddr, timeout, keepAlive } = options;
  return {
    timeoutMs: timeout,
    hostNqn: hostnqn,
    hostId: hostid,
    sourceAddress: hostTraddr,
    keepAliveMs: keepAlive,
  };
}
