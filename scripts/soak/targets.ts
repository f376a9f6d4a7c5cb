import { ports, subsystems, transportId } from '../fabric/topology.js';

/** One subsystem for each controller. They share a disk, of which each has its own area. */
export const maxControllers = subsystems.many.length;

export function nqnOf(client: number): string {
  const subsystem = subsystems.many[client];
  if (!subsystem) throw new RangeError(`no subsystem for controller ${client}`);
  return subsystem.nqn;
}

export function transportIdOf(client: number): string {
  return transportId(nqnOf(client), ports.rdma);
}
