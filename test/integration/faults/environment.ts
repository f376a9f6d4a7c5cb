// The faults' tests on the fabric, over RDMA: SPDK's own target meets the faults, the kernel's is beside it.

import { link } from '../../../scripts/fabric/topology.js';
import type { FaultEnvironment } from '../suites/target.js';
import { ids } from '../support/fabric.js';
import { expectNothingHeld } from '../support/rdma.js';

const [traddr = ''] = link.addresses[0].split('/');

export function rdmaEnvironment(port: string): FaultEnvironment {
  return {
    listener: { trtype: 'RDMA', traddr, trsvcid: port },
    other: async () => ({ id: ids.disk0, stop: async () => {} }),
    expectNothingHeld,
  };
}
