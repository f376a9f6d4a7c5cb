// Attach and detach on the fabric, over RDMA, with SPDK's own target.

import { link } from '../../scripts/fabric/topology.js';
import { describeAttach } from './suites/attach.js';
import { startAttachTarget } from './suites/attach-target.js';
import { limits } from './support/limits.js';
import { expectNothingHeld, rdmaQueues } from './support/rdma.js';

const [address] = link.addresses[0].split('/') as [string];

describeAttach('attach and detach over RDMA with nvmf_tgt', async () => ({
  ...(await startAttachTarget({ trtype: 'RDMA', traddr: address, trsvcid: '4473' }, '4474')),
  queues: rdmaQueues,
  expectNothingHeld: () => expectNothingHeld(limits.noticed),
  // v20.07 waits four seconds for each RDMA connection that has ended.
  freesLate: true,
}));
