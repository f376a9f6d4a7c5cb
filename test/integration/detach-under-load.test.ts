// Detaches under load on the fabric, against the kernel's target: as many of 200 as fit into a minute over RDMA, and into a
// shorter time over TCP, where test/tcp has all 200 against SPDK's own. SPDK_NVME_TEST_ROUNDS=200 runs them all.

import { subsystems } from '../../scripts/fabric/topology.js';
import { describeDetachUnderLoad } from './suites/detach-under-load.js';
import { kernelPaths } from './support/kernel-paths.js';

const asked = Number(process.env.SPDK_NVME_TEST_ROUNDS);
const plan = [
  { path: kernelPaths.rdma, rounds: { least: 40, most: 200, seconds: 60 } },
  { path: kernelPaths.tcp, rounds: { least: 20, most: 200, seconds: 20 } },
];

for (const { path, rounds } of plan) {
  const all = asked > 0 ? { least: asked, most: asked, seconds: 0 } : rounds;
  describeDetachUnderLoad(`detach under load over ${path.name}`, all, async () => ({
    transportId: path.id(subsystems.disk0),
    backing: `/dev/${subsystems.disk0.namespaces[0]?.disk}`,
    expectNothingHeld: path.expectNothingHeld,
    stop: async () => {},
  }));
}
