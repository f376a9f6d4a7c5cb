import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { PollingMode } from '../../../lib/index.js';
import { ensureHugepages } from '../../target/hugepages.js';
import { startSpdkTarget } from '../../target/spdk-target.js';
import { type ScaleRow, scaleCases } from './cases.js';
import type { ScaleRequest } from './worker.js';

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4482' } as const;
const nqnOf = (i: number) => `nqn.2026-11.dev.spdk-nvme:scale${i}`;
const targetMb = 512;
const clientMb = 512;
const idleSeconds = 10;
const ioSeconds = 3;

/** Controllers of as many subsystems of SPDK's own target, on the host's loopback; each case in a process of its own. */
export async function measureScale(
  polling: PollingMode,
  report: (line: string) => void,
): Promise<ScaleRow[]> {
  const nqns = Array.from({ length: Math.max(...scaleCases) }, (_, i) => nqnOf(i));
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    memoryMb: targetMb,
    subsystems: nqns.map((nqn, i) => ({
      nqn,
      serial: `SCALE${i}`,
      disk: { kind: 'null', sizeMb: 16, blockSize: 512 },
    })),
  });
  try {
    ensureHugepages(clientMb);
    const transportIds = nqns.map(
      (nqn) => `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`,
    );
    const rows: ScaleRow[] = [];
    for (const controllers of scaleCases) {
      const request: ScaleRequest = {
        transportIds: transportIds.slice(0, controllers),
        polling,
        memoryMb: clientMb,
        idleSeconds,
        ioSeconds,
      };
      const args = ['--expose-gc', '--import', import.meta.resolve('tsx'), worker, JSON.stringify(request)];
      const { stdout } = await execa(process.execPath, args, { stdin: 'ignore', stderr: 'inherit' });
      rows.push({ controllers, ...JSON.parse(stdout) });
      report(`scale: ${controllers} controllers`);
    }
    return rows;
  } finally {
    await target.stop();
  }
}
