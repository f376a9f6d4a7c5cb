// Detaches under load over TCP, against the kernel's target: some of them, since test/tcp has more against SPDK's own.
// SPDK_NVME_TEST_ROUNDS=200 runs as many. In a file of its own: the suite has the whole process to itself.

import { describeDetachUnderLoad } from './suites/detach-under-load.js';
import { subsystems } from './support/fabric.js';
import { kernelPaths } from './support/kernel-paths.js';

const asked = Number(process.env.SPDK_NVME_TEST_ROUNDS);
const rounds = asked > 0 ? { least: asked, most: asked, seconds: 0 } : { least: 6, most: 200, seconds: 6 };

describeDetachUnderLoad("detach under load over TCP with the kernel's target", rounds, async () => ({
  transportId: kernelPaths.tcp.id(subsystems.disk0),
  backing: `/dev/${subsystems.disk0.namespaces[0]?.disk}`,
  expectNothingHeld: kernelPaths.tcp.expectNothingHeld,
  stop: async () => {},
}));
