// Two of SPDK's own targets with one disk, of which one takes shorter commands than the other. Each is killed in the middle.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { describePathLimits } from '../integration/suites/path-limits.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:limited-paths';
const sides = [
  { listener: { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4471' }, maxIoBytes: 131_072 },
  { listener: { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4472' }, maxIoBytes: 16_384 },
] as const;
const memoryMb = 128;

describePathLimits('two targets whose commands have other maximum lengths', 50, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-limited-'));
  const backing = path.join(folder, 'disk');
  fs.writeFileSync(backing, Buffer.alloc(32 << 20));
  ensureHugepages(3 * memoryMb);
  const targets: SpdkTarget[] = [];
  const start = async (i: number) => {
    targets[i] = await startSpdkTarget({
      ...(sides[i] as (typeof sides)[number]),
      core: os.availableParallelism() - 1,
      memoryMb,
      sharedBuffers: 511,
      subsystems: [{ nqn, serial: 'LIMITED', disk: { kind: 'file', path: backing, blockSize: 512 } }],
    });
  };
  for (const i of sides.keys()) await start(i);
  const [one, other] = sides;
  return {
    ids: [listenerId(one.listener, nqn), listenerId(other.listener, nqn)],
    bytes: [one.maxIoBytes, other.maxIoBytes],
    lose: async (_, i) => targets[i]?.stop('SIGKILL'),
    giveBack: start,
    stop: async () => {
      for (const target of targets) await target.stop('SIGKILL');
      fs.rmSync(folder, { recursive: true });
    },
  };
});
