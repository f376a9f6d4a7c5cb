// Detaches under load on the host, over TCP on loopback, against SPDK's own target: as many of 200 as fit into eight seconds.
// SPDK_NVME_TEST_ROUNDS=200 runs them all.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describeDetachUnderLoad } from '../integration/suites/detach-under-load.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4464' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:load';
const asked = Number(process.env.SPDK_NVME_TEST_ROUNDS);
const rounds = asked > 0 ? { least: asked, most: asked, seconds: 0 } : { least: 20, most: 200, seconds: 8 };

describeDetachUnderLoad('detach under load over TCP', rounds, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-disk-'));
  const backing = path.join(folder, 'disk');
  fs.writeFileSync(backing, Buffer.alloc(16 << 20));
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'LOAD', disk: { kind: 'file', path: backing, blockSize: 512 } }],
  });
  ensureHugepages(128);
  return {
    transportId: `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`,
    backing,
    // The process's own files and threads are counted by the test.
    expectNothingHeld: async () => {},
    stop: async () => {
      await target.stop();
      fs.rmSync(folder, { recursive: true });
    },
  };
});
