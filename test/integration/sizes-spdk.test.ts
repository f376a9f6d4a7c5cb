// Transfers of all sizes on the fabric, over RDMA, against SPDK's own target and the block device behind it.

import { ports, subsystems } from '../../scripts/fabric/topology.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeSizes } from './suites/sizes.js';

const listener = { trtype: 'RDMA', traddr: ports.rdma.traddr, trsvcid: '4476' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:sizes';
const backing = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;

const start = async () => {
  const disk = { kind: 'file', path: backing, blockSize: 512 } as const;
  const target = await startSpdkTarget({ listener, core: 1, subsystems: [{ nqn, serial: 'SIZES', disk }] });
  ensureHugepages(192);
  return { transportId: listenerId(listener, nqn), backing, stop: () => target.stop() };
};
describeSizes('over RDMA with nvmf_tgt', start, ['readv and writev, in place']);
