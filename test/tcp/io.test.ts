// The I/O tests on the host, over TCP on loopback, against SPDK's own target: no virtual machine, real speed.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeIo, type IoTarget } from '../integration/suites/io.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4460' } as const;
const nqns = { disk: 'nqn.2026-11.dev.spdk-nvme:file', other: 'nqn.2026-11.dev.spdk-nvme:other' };
const diskMb = 16;

async function start(): Promise<IoTarget> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-disk-'));
  const backing = path.join(folder, 'disk');
  fs.writeFileSync(backing, Buffer.alloc(diskMb << 20));
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      { nqn: nqns.disk, serial: 'FILE', disk: { kind: 'file', path: backing, blockSize: 512 } },
      { nqn: nqns.other, serial: 'OTHER', disk: { kind: 'file', path: backing, blockSize: 512 } },
    ],
  });
  ensureHugepages(256);
  const id = (nqn: string) =>
    `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
  return {
    transportId: id(nqns.disk),
    backing,
    other: id(nqns.other),
    stop: async () => {
      await target.stop();
      fs.rmSync(folder, { recursive: true });
    },
  };
}

describeIo('I/O over TCP with nvmf_tgt', start);
