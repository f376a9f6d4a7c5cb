import { ports, subsystems, transportId } from '../fabric/topology.js';
import { addSubsystem, allow, setAna, withdraw } from '../target/kernel-target.js';
import { anaOf } from './path-plan.js';
import { type PathTarget, pathNqn } from './path-target.js';

const sides = [ports.rdma, ports.tcp] as const;
/** All subsystems have one disk, of which each client has its own area. */
const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;

/** The kernel's target on the fabric: one path over RDMA, one over TCP. */
export function kernelPaths(clients: number): PathTarget {
  const removals = Array.from({ length: clients }, (_, i) => {
    const nguid = `6c6f6361-6c6c-7921-9e01-${String(100 + i).padStart(12, '0')}`;
    return addSubsystem(pathNqn(i), `SOAKPATHS${i}`, [{ id: 1, device, nguid }], sides);
  });
  return {
    faults: [
      ...(['path-withdrawn', 'path-withdrawn', 'path-withdrawn', 'both-withdrawn'] as const),
      ...(['ana-non-optimized', 'ana-inaccessible', 'ana-change', 'ana-persistent-loss'] as const),
      'ana-change-both',
    ],
    processes: () => [],
    endsConnections: () => {},
    ids: (client) => sides.map((port) => transportId(pathNqn(client), port)),
    inflict: async ({ kind, client, side }) => {
      const ana = anaOf(kind);
      const at = kind.includes('both') ? sides : [sides[side]];
      for (const port of at) {
        if (ana) setAna(port, ana);
        else withdraw(pathNqn(client), port);
      }
      return async () => {
        for (const port of at) {
          if (ana) setAna(port, 'optimized');
          else allow(pathNqn(client), port);
        }
      };
    },
    close: async () => {
      for (const remove of removals) remove();
    },
  };
}
