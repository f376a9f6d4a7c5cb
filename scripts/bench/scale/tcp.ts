import os from 'node:os';
import type { PollingMode } from '../../../lib/index.js';
import { ensureHugepages } from '../../target/hugepages.js';
import { startSpdkTarget } from '../../target/spdk-target.js';
import { type ScaleRow, scaleCases } from './cases.js';
import { measureCases } from './measure.js';

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
    return await measureCases(
      scaleCases,
      { transportIds, polling, memoryMb: clientMb, idleSeconds, ioSeconds },
      report,
    );
  } finally {
    await target.stop();
  }
}
