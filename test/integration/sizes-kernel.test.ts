// Transfers of all sizes on the fabric, against the kernel's target and the block device behind it.

import { subsystems } from '../../scripts/fabric/topology.js';
import { describeSizes } from './suites/sizes.js';
import { kernelPaths } from './support/kernel-paths.js';

for (const { path, longest } of [
  { path: kernelPaths.rdma, longest: 'readv and writev, in place' },
  { path: kernelPaths.tcp, longest: 'read and write, copied' },
] as const) {
  const start = async () => ({
    transportId: path.id(subsystems.disk0),
    backing: `/dev/${subsystems.disk0.namespaces[0]?.disk}`,
    stop: async () => {},
  });
  describeSizes(`over ${path.name} with the kernel's target`, start, [longest]);
}
