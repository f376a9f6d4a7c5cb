/**
 * The topology of the fabric: the only place with its names, addresses and ports. Tests, the stress script and the
 * benchmark import it; target.ts generates the guest's script from it.
 */

export interface FabricNamespace {
  readonly nsid: number;
  /** The name of its null_blk device, which keeps the written data in memory. */
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
  /** The highest queue id that the target grants, which limits the number of I/O queues. */
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

/** A network device for the fabric, with a soft-RoCE device on top. */
export const link = {
  netdev: 'fabric0',
  softDevice: SOFT_DEVICE,
  /** The RDMA device of the fabric: not soft-RoCE in host mode with a device of the user. */
  rdmaDevice: /^host:(.+)$/.exec(process.env.SPDK_NVME_FABRIC ?? '')?.[1] ?? SOFT_DEVICE,
  /** Room for RoCE's largest MTU, 4096, and its headers. */
  mtu: 4200,
  /** The target listens on addresses that end with 1; the others serve tests that need another local address. */
  addresses: ['10.77.0.1/24', '10.77.0.2/24', 'fd77::1/64', 'fd77::2/64'],
  /** An address in the subnet that no machine has: a connect gets no response. */
  unreachableAddress: '10.77.0.99',
} as const;

/** A listener of the kernel's target, as nvmet calls its parts. */
export interface FabricPort {
  readonly id: number;
  readonly trtype: 'rdma' | 'tcp';
  readonly adrfam: 'ipv4' | 'ipv6';
  readonly traddr: string;
  readonly trsvcid: string;
}

export const ports = {
  rdma: { id: 1, trtype: 'rdma', adrfam: 'ipv4', traddr: '10.77.0.1', trsvcid: '4420' },
  rdma6: { id: 2, trtype: 'rdma', adrfam: 'ipv6', traddr: 'fd77::1', trsvcid: '4420' },
  tcp: { id: 3, trtype: 'tcp', adrfam: 'ipv4', traddr: '10.77.0.1', trsvcid: '4421' },
  tcp6: { id: 5, trtype: 'tcp', adrfam: 'ipv6', traddr: 'fd77::1', trsvcid: '4421' },
} as const satisfies Record<string, FabricPort>;

/**
 * A second path to the target, over a link that can be cut: two network devices joined by a wire, each with a
 * soft-RoCE device on top. Soft-RoCE of kernel 6.1 sends from the first network namespace only, so both ends are in
 * it, and rules keep the kernel from delivering packets between its own addresses without the wire (target.ts,
 * makeWire). Not created at boot: test/integration/support/link.ts creates it for the tests that need it.
 */
export const wire = {
  near: {
    netdev: 'wire0',
    softDevice: 'rxewire0',
    address: '10.77.1.1',
    mac: '02:00:00:77:01:01',
    table: 771,
  },
  far: {
    netdev: 'wire1',
    softDevice: 'rxewire1',
    address: '10.77.1.2',
    mac: '02:00:00:77:01:02',
    table: 772,
  },
} as const;

/** The listener at the far end of the wire. */
export const farPort: FabricPort = {
  id: 4,
  trtype: 'rdma',
  adrfam: 'ipv4',
  traddr: wire.far.address,
  trsvcid: '4420',
};

/** A port where nothing listens. */
export const closedPort = '4429';

/** The host that the private subsystem accepts. */
export const allowedHost = `${NQN_PREFIX}:host-allowed`;

/** The number of subsystems for tests that need many controllers at the same time; they share one disk. */
const MANY = 16;

export const subsystems = {
  disk0: subsystem('disk0', 'FABRIC0', { namespaces: [disk0, disk0Large] }),
  disk1: subsystem('disk1', 'FABRIC1', { namespaces: [disk1] }),
  private: subsystem('private', 'PRIVATE', { allowedHosts: [allowedHost] }),
  /** Grants at most two I/O queues. */
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
export function transportId(nqn: string, port: FabricPort = ports.rdma): string {
  const adrfam = port.adrfam === 'ipv6' ? 'IPv6' : 'IPv4';
  const { traddr, trsvcid } = port;
  return `trtype:${port.trtype.toUpperCase()} adrfam:${adrfam} traddr:${traddr} trsvcid:${trsvcid} subnqn:${nqn}`;
}
