/**
 * What the fabric looks like: the only place that knows its names, addresses and ports.
 * Tests, the stress script and the benchmark import it; target.ts makes the guest's script from it.
 */

export interface FabricNamespace {
  readonly nsid: number;
  /** Name of the null_blk device behind it: memory backed, so what was written is read back. */
  readonly disk: string;
  readonly sizeMiB: number;
  readonly blockSize: number;
}

export interface FabricSubsystem {
  readonly nqn: string;
  readonly serial: string;
  readonly model: string;
  readonly namespaces: readonly FabricNamespace[];
  /** Host NQNs that may connect; absent: every host may. */
  readonly allowedHosts?: readonly string[];
  /** Highest queue id that the target grants, which clips the number of I/O queues. */
  readonly maxQueueId?: number;
}

const NQN_PREFIX = 'nqn.2026-11.dev.spdk-nvme';
const SOFT_DEVICE = 'rxe0';
const MODEL = 'spdk-nvme fabric';

const disk0: FabricNamespace = { nsid: 1, disk: 'fabric0', sizeMiB: 64, blockSize: 512 };
const disk0Large: FabricNamespace = { nsid: 2, disk: 'fabric1', sizeMiB: 64, blockSize: 4096 };
const disk1: FabricNamespace = { nsid: 1, disk: 'fabric2', sizeMiB: 64, blockSize: 512 };

function subsystem(name: string, serial: string, rest: Partial<FabricSubsystem> = {}): FabricSubsystem {
  return { nqn: `${NQN_PREFIX}:${name}`, serial, model: MODEL, namespaces: [disk0], ...rest };
}

/** A network device made for the fabric, with a soft-RoCE device on top. */
export const link = {
  netdev: 'fabric0',
  softDevice: SOFT_DEVICE,
  /** The device that the fabric runs on: another one than soft-RoCE's in host mode with a device of the user's own. */
  rdmaDevice: /^host:(.+)$/.exec(process.env.SPDK_NVME_FABRIC ?? '')?.[1] ?? SOFT_DEVICE,
  /** Room for RoCE's largest MTU, 4096, and its headers. */
  mtu: 4200,
  /** The target listens on the first address; the second one serves tests that need another local address. */
  addresses: ['10.77.0.1/24', '10.77.0.2/24', 'fd77::1/64'],
  /** Inside the subnet, owned by nobody: connecting to it gets no answer. */
  unreachableAddress: '10.77.0.99',
} as const;

/** The kernel target's listeners, as nvmet calls their parts. */
export const ports = {
  rdma: { id: 1, trtype: 'rdma', adrfam: 'ipv4', traddr: '10.77.0.1', trsvcid: '4420' },
  rdma6: { id: 2, trtype: 'rdma', adrfam: 'ipv6', traddr: 'fd77::1', trsvcid: '4420' },
  tcp: { id: 3, trtype: 'tcp', adrfam: 'ipv4', traddr: '10.77.0.1', trsvcid: '4421' },
} as const;

/** Nothing listens here. */
export const closedPort = '4429';

export const hostNqns = {
  allowed: `${NQN_PREFIX}:host-allowed`,
  refused: `${NQN_PREFIX}:host-refused`,
} as const;

/** Subsystems for tests that need many controllers at once; they share one disk. */
const MANY = 16;

export const subsystems = {
  disk0: subsystem('disk0', 'FABRIC0', { namespaces: [disk0, disk0Large] }),
  disk1: subsystem('disk1', 'FABRIC1', { namespaces: [disk1] }),
  /** Lets one host in. */
  private: subsystem('private', 'PRIVATE', { allowedHosts: [hostNqns.allowed] }),
  /** Grants two I/O queues however many are asked for. */
  narrow: subsystem('narrow', 'NARROW', { maxQueueId: 2 }),
  many: Array.from({ length: MANY }, (_, i) => subsystem(`many${i}`, `MANY${i}`)),
} as const;

export const allSubsystems: readonly FabricSubsystem[] = [
  subsystems.disk0,
  subsystems.disk1,
  subsystems.private,
  subsystems.narrow,
  ...subsystems.many,
];

/** SPDK's transport id string of a subsystem on one of the ports. */
export function transportId(nqn: string, port: (typeof ports)[keyof typeof ports] = ports.rdma): string {
  const adrfam = port.adrfam === 'ipv6' ? 'IPv6' : 'IPv4';
  const { traddr, trsvcid } = port;
  return `trtype:${port.trtype.toUpperCase()} adrfam:${adrfam} traddr:${traddr} trsvcid:${trsvcid} subnqn:${nqn}`;
}
