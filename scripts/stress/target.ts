import { link, ports, subsystems, transportId } from '../fabric/topology.js';

const port = ports.rdma;

/** The RDMA device whose resources are counted. */
export const device: string = link.rdmaDevice;
/** The transport id of each controller that can be attached at the same time, one a subsystem. */
export const targets: readonly string[] = [subsystems.disk0, subsystems.disk1, ...subsystems.many].map(
  ({ nqn }) => transportId(nqn, port),
);
