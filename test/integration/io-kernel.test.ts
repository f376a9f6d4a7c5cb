// The I/O tests on the fabric, against the kernel's target and the block device behind it, over both transports. The
// family of addresses changes nothing once a queue pair is connected: attach-kernel.test.ts has it.

import { subsystems } from '../../scripts/fabric/topology.js';
import { describeIo } from './suites/io.js';
import { kernelPaths } from './support/kernel-paths.js';

for (const path of [kernelPaths.rdma, kernelPaths.tcp]) {
  describeIo(`I/O over ${path.name} with the kernel's target`, async () => ({
    transportId: path.id(subsystems.disk0),
    backing: `/dev/${subsystems.disk0.namespaces[0]?.disk}`,
    other: path.id(subsystems.many[0] ?? { nqn: '' }),
    stop: async () => {},
  }));
}
