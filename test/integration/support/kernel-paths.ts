// The ways to the kernel's target on the fabric: both transports, both families of addresses.

import {
  closedPort,
  type FabricPort,
  type FabricSubsystem,
  ports,
  transportId,
} from '../../../scripts/fabric/topology.js';
import { expectNoConnections, tcpConnections } from '../suites/target.js';
import { expectNothingHeld, rdmaQueues } from './rdma.js';

export interface KernelPath {
  readonly name: string;
  readonly port: FabricPort;
  /** SPDK's string for a subsystem. */
  readonly id: (subsystem: Pick<FabricSubsystem, 'nqn'>) => string;
  /** The same at a port where nothing listens. */
  readonly closedId: (subsystem: Pick<FabricSubsystem, 'nqn'>) => string;
  /** The queues that are connected, admin queues included, as either side counts them. */
  readonly queues: () => Promise<{ readonly initiators: number; readonly targets: number }>;
  readonly expectNothingHeld: () => Promise<void>;
}

function path(name: string, port: FabricPort): KernelPath {
  const tcp = port.trtype === 'tcp';
  return {
    name,
    port,
    id: ({ nqn }) => transportId(nqn, port),
    closedId: ({ nqn }) => transportId(nqn, { ...port, trsvcid: closedPort }),
    queues: tcp ? async () => tcpConnections([port.trsvcid]) : rdmaQueues,
    expectNothingHeld: tcp ? () => expectNoConnections([port.trsvcid]) : () => expectNothingHeld(),
  };
}

export const kernelPaths = {
  rdma: path('RDMA', ports.rdma),
  rdma6: path('RDMA and IPv6', ports.rdma6),
  tcp: path('TCP', ports.tcp),
  tcp6: path('TCP and IPv6', ports.tcp6),
} as const;
