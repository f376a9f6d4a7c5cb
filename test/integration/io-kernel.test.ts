// The I/O tests on the fabric, over RDMA, against the kernel's target and the block device behind it.

import { subsystems, transportId } from '../../scripts/fabric/topology.js';
import { describeIo } from './suites/io.js';

describeIo('I/O over RDMA with the kernel target', async () => ({
  transportId: transportId(subsystems.disk0.nqn),
  backing: `/dev/${subsystems.disk0.namespaces[0]?.disk}`,
  other: transportId(subsystems.many[0]?.nqn ?? ''),
  stop: async () => {},
}));
