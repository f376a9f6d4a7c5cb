// Resets and reconnects on the host, over TCP on loopback, against SPDK's own target, which is killed and started.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeReset } from '../integration/suites/reset.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4461' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:reset';

describeReset('a reset over TCP with nvmf_tgt', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-disk-'));
  const backing = path.join(folder, 'disk');
  fs.writeFileSync(backing, Buffer.alloc(16 << 20));
  const start = () =>
    startSpdkTarget({
      listener,
      core: os.availableParallelism() - 1,
      subsystems: [{ nqn, serial: 'RESET', disk: { kind: 'file', path: backing, blockSize: 512 } }],
    });
  let target: SpdkTarget | undefined = await start();
  ensureHugepages(256);
  const lose = async (signal: NodeJS.Signals) => {
    await target?.stop(signal);
    target = undefined;
  };
  return {
    transportId: `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`,
    lose: () => lose('SIGKILL'),
    restore: async () => {
      target ??= await start();
    },
    stop: async () => {
      await lose('SIGTERM');
      fs.rmSync(folder, { recursive: true });
    },
  };
});
