// Transfers of all sizes on the host, over TCP on loopback, against SPDK's own target.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeSizes } from '../integration/suites/sizes.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4486' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:sizes';

describeSizes('over TCP with nvmf_tgt', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-sizes-'));
  const backing = path.join(folder, 'disk');
  fs.writeFileSync(backing, Buffer.alloc(64 << 20));
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'SIZES', disk: { kind: 'file', path: backing, blockSize: 512 } }],
  });
  ensureHugepages(192);
  return {
    transportId: listenerId(listener, nqn),
    backing,
    stop: async () => {
      await target.stop();
      fs.rmSync(folder, { recursive: true });
    },
  };
});
