// SPDK's perf, with which `npm run bench` compares this package.

import { expect, it } from 'vitest';
import { runPerf } from '../../scripts/bench/io/perf.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:perf';
const local = localTarget({
  port: '4598',
  subsystems: [{ nqn, serial: 'PERF', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
});

it('runs on a machine without a hugetlbfs, and what it prints is read', async () => {
  ensureHugepages(320);
  const read = { transport: 'tcp', op: 'randread', blockSize: 4096, queueDepth: 4 } as const;
  const result = await runPerf(read, local.id(nqn), 1, 0);
  for (const measured of Object.values(result)) expect(measured).toBeGreaterThan(0);
});
