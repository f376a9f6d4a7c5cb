// One of SPDK's own targets, reached over RDMA and over TCP, which takes shorter commands. Each connection is ended in the middle.

import { link, subsystems } from '../../scripts/fabric/topology.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describePathLimits } from './suites/path-limits.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:limited-paths';
const [traddr = ''] = link.addresses[0].split('/');
const rdma = { trtype: 'RDMA', traddr, trsvcid: '4479' } as const;
const tcp = { trtype: 'TCP', traddr, trsvcid: '4480' } as const;
const bytes = [131_072, 16_384] as const;

describePathLimits('one target whose transports have other maximum lengths', 8, async () => {
  const disk = {
    kind: 'file',
    path: `/dev/${subsystems.disk1.namespaces[0]?.disk}`,
    blockSize: 512,
  } as const;
  const target = await startSpdkTarget({
    listener: rdma,
    core: 1,
    sharedBuffers: 511,
    subsystems: [{ nqn, serial: 'LIMITED', disk }],
  });
  const [, maxIoBytes] = bytes;
  await target.call('nvmf_create_transport', {
    trtype: 'TCP',
    num_shared_buffers: 511,
    max_io_size: maxIoBytes,
    io_unit_size: 8_192,
  });
  await target.call('nvmf_subsystem_add_listener', { nqn, listen_address: { ...tcp, adrfam: 'IPv4' } });
  ensureHugepages(128);
  return {
    ids: [listenerId(rdma, nqn), listenerId(tcp, nqn)],
    bytes,
    lose: async ({ controller }) => controller?.reset(),
    giveBack: async () => {},
    stop: () => target.stop(),
  };
});
