// Runs in the fabric: controllers of as many subsystems of the kernel's target. Prints one line of JSON; progress goes
// to stderr.

import { subsystems, transportId } from '../../fabric/topology.js';
import { addSubsystem } from '../../target/kernel-target.js';
import { maxControllers } from './cases.js';
import { measureMemory } from './measure.js';

const device = `/dev/${subsystems.disk0.namespaces[0]?.disk}`;
const nqns = Array.from({ length: maxControllers }, (_, i) => `nqn.2026-11.dev.spdk-nvme:memory${i}`);
const removals = nqns.map((nqn, i) => addSubsystem(nqn, `MEMORY${i}`, [{ id: 1, device }]));
try {
  const ids = nqns.map((nqn) => transportId(nqn));
  const rows = await measureMemory('rdma', ids, (line) => console.error(line));
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  for (const remove of removals) remove();
}
