// Resets and reconnects on the fabric, against the kernel's target, which removes the subsystem from its port.

import { allow, withdraw } from '../../scripts/target/kernel-target.js';
import { describeReset } from './suites/reset.js';
import { subsystems } from './support/fabric.js';
import { kernelPaths } from './support/kernel-paths.js';

for (const path of [kernelPaths.rdma, kernelPaths.tcp]) {
  describeReset(`a reset over ${path.name} with the kernel's target`, async () => {
    const { nqn } = subsystems.disk1;
    let there = true;
    return {
      transportId: path.id(subsystems.disk1),
      lose: async () => {
        withdraw(nqn, path.port);
        there = false;
      },
      restore: async () => {
        if (!there) allow(nqn, path.port);
        there = true;
      },
      stop: async () => {},
    };
  });
}
