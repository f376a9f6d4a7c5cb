// The I/O tests on the fabric, over RDMA, against SPDK's own target and the block device behind it.

import { link, subsystems } from '../../scripts/fabric/topology.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeIo } from './suites/io.js';

const [address] = link.addresses[0].split('/') as [string];
const listener = { trtype: 'RDMA', traddr: address, trsvcid: '4470' } as const;
const nqns = ['nqn.2026-11.dev.spdk-nvme:spdk0', 'nqn.2026-11.dev.spdk-nvme:spdk1'] as const;
const backing = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;

describeIo('I/O over RDMA with nvmf_tgt', async () => {
  const target = await startSpdkTarget({
    listener,
    core: 1,
    subsystems: nqns.map((nqn, i) => ({
      nqn,
      serial: `SPDK${i}`,
      disk: { kind: 'file', path: backing, blockSize: 512 },
    })),
  });
  ensureHugepages(256);
  return {
    transportId: listenerId(listener, nqns[0]),
    backing,
    other: listenerId(listener, nqns[1]),
    stop: () => target.stop(),
  };
});
