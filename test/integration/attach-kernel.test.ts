// Attach and detach on the fabric, with the kernel's target, on every way to it.

import { describeAttach } from './suites/attach.js';
import { allowedHost, subsystems } from './support/fabric.js';
import { kernelPaths } from './support/kernel-paths.js';

const nobody = { nqn: 'nqn.2026-11.dev.spdk-nvme:nobody' };

for (const path of Object.values(kernelPaths)) {
  describeAttach(`attach and detach over ${path.name} with the kernel's target`, async () => ({
    ids: [path.id(subsystems.disk0), path.id(subsystems.disk1)],
    serials: [subsystems.disk0.serial, subsystems.disk1.serial],
    private: { id: path.id(subsystems.private), allowedHost },
    wrongNqn: path.id(nobody),
    wrongPort: path.closedId(subsystems.disk0),
    queues: path.queues,
    expectNothingHeld: path.expectNothingHeld,
    stop: async () => {},
  }));
}
