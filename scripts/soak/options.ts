/**
 * `controllers`: each client has one at a time. `multipath`: each has a subsystem over two paths, RDMA and TCP.
 * `multipath-tcp`: likewise, over TCP to two of SPDK's targets on this host, without a virtual machine.
 */
export const workloads = ['controllers', 'multipath', 'multipath-tcp'] as const;
export type SoakWorkload = (typeof workloads)[number];

/** What one run does. Goes from the command line on the host to the worker on the fabric as JSON. */
export interface SoakOptions {
  readonly workload: SoakWorkload;
  readonly minutes: number;
  readonly seed: number;
  readonly controllers: number;
  readonly pollers: number;
}
