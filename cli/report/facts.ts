import type { Surroundings } from '../engine/measure/surroundings.js';

/** Where it was measured, for people. */
export function surroundingsFacts(where: Surroundings): [string, string][] {
  return [
    ['software', `${where.spdk}, Node.js ${where.node}, Linux ${where.kernel}`],
    ['machine', `${where.processors} × ${where.processor}`],
    ['TCP congestion control', where.tcpCongestionControl],
    ['time', where.time],
  ];
}
