// The I/O tests on the host, over TCP on loopback, against SPDK's own target: no virtual machine, real speed.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { listenerId, type TargetListener } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeIo, type IoTarget } from '../integration/suites/io.js';

const listeners = ['127.0.0.1', '::1'].map((traddr) => ({ trtype: 'TCP', traddr, trsvcid: '4460' }) as const);
const nqns = { disk: 'nqn.2026-11.dev.spdk-nvme:file', other: 'nqn.2026-11.dev.spdk-nvme:other' };
const diskMb = 16;

async function start(listener: TargetListener): Promise<IoTarget> {
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
  return {
    transportId: listenerId(listener, nqns.disk),
    backing,
    other: listenerId(listener, nqns.other),
    stop: async () => {
      await target.stop();
      fs.rmSync(folder, { recursive: true });
    },
  };
}

for (const listener of listeners) {
  describeIo(`I/O over TCP with nvmf_tgt at ${listener.traddr}`, () => start(listener));
}
