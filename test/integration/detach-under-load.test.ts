// Detaches under load over RDMA, against the kernel's target: as many of 200 as fit into ten seconds.
// SPDK_NVME_TEST_ROUNDS=200 runs them all.

import { subsystems, transportId } from '../../scripts/fabric/topology.js';
import { describeDetachUnderLoad } from './suites/detach-under-load.js';
import { expectNothingHeld } from './support/rdma.js';

const asked = Number(process.env.SPDK_NVME_TEST_ROUNDS);
const rounds = asked > 0 ? { least: asked, most: asked, seconds: 0 } : { least: 10, most: 200, seconds: 10 };

describeDetachUnderLoad('detach under load over RDMA', rounds, async () => ({
  transportId: transportId(subsystems.disk0.nqn),
  backing: `/dev/${subsystems.disk0.namespaces[0]?.disk}`,
  expectNothingHeld: () => expectNothingHeld(),
  stop: async () => {},
}));
