// Resets and reconnects on the fabric, over RDMA, against the kernel's target, which takes the subsystem off its port.

import { allow, withdraw } from '../../scripts/target/kernel-target.js';
import { describeReset } from './suites/reset.js';
import { ids, subsystems } from './support/fabric.js';

describeReset('a reset over RDMA with the kernel’s target', async () => {
  const { nqn } = subsystems.disk1;
  let there = true;
  return {
    transportId: ids.disk1,
    lose: async () => {
      withdraw(nqn);
      there = false;
    },
    restore: async () => {
      if (!there) allow(nqn);
      there = true;
    },
    stop: async () => {},
  };
});
