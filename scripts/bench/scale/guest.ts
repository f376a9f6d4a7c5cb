// Runs in the fabric: controllers of as many subsystems of the kernel's target. Its argument is how they are polled. Prints one line of
// JSON; progress goes to stderr.

import type { PollingMode } from '../../../lib/index.js';
import { ports, subsystems, transportId } from '../../fabric/topology.js';
import { addSubsystem } from '../../target/kernel-target.js';
import { type GuestScale, guestCases } from './cases.js';
import { measureCases } from './measure.js';

const memoryMb = 256;
const idleSeconds = 20;
const ioSeconds = 1;
const [, , polling] = process.argv;
const device = `/dev/${subsystems.disk0.namespaces[0]?.disk}`;
const nqns = Array.from({ length: Math.max(...guestCases) }, (_, i) => `nqn.2026-11.dev.spdk-nvme:scale${i}`);
const removals = nqns.map((nqn, i) =>
  addSubsystem(nqn, `SCALE${i}`, [{ id: 1, device }], [ports.rdma, ports.tcp]),
);

const measure = (transport: 'rdma' | 'tcp') =>
  measureCases(
    guestCases,
    {
      transportIds: nqns.map((nqn) => transportId(nqn, ports[transport])),
      polling: polling as PollingMode,
      memoryMb,
      idleSeconds,
      ioSeconds,
    },
    (line) => console.error(`${line}, ${transport}, emulated`),
  );

try {
  const rows: GuestScale = { rdma: await measure('rdma'), tcp: await measure('tcp') };
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} finally {
  for (const remove of removals) remove();
}
