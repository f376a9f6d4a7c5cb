// Attach and detach on the fabric, over RDMA, with the kernel's target.

import { describeAttach } from './suites/attach.js';
import { allowedHost, ids, subsystems } from './support/fabric.js';
import { expectNothingHeld, rdmaQueues } from './support/rdma.js';

describeAttach('attach and detach over RDMA with the kernel target', async () => ({
  ids: [ids.disk0, ids.disk1],
  serials: [subsystems.disk0.serial, subsystems.disk1.serial],
  private: { id: ids.private, allowedHost },
  wrongNqn: ids.wrongNqn,
  wrongPort: ids.wrongPort,
  queues: rdmaQueues,
  expectNothingHeld: () => expectNothingHeld(),
  stop: async () => {},
}));
