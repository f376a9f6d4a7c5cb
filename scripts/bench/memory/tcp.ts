import os from 'node:os';
import { ensureHugepages } from '../../target/hugepages.js';
import { startSpdkTarget } from '../../target/spdk-target.js';
import { type MemoryRow, maxControllers } from './cases.js';
import { measureMemory } from './measure.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4481' } as const;
const nqnOf = (i: number) => `nqn.2026-11.dev.spdk-nvme:memory${i}`;
const targetMb = 512;
/** Twice the memory that 64 controllers take. */
const clientMb = 512;

/** Controllers of as many subsystems of SPDK's own target, on the host's loopback. */
export async function measureMemoryTcp(report: (line: string) => void): Promise<MemoryRow[]> {
  const numbers = Array.from({ length: maxControllers }, (_, i) => i);
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    memoryMb: targetMb,
    subsystems: numbers.map((i) => ({
      nqn: nqnOf(i),
      serial: `MEMORY${i}`,
      disk: { kind: 'null', sizeMb: 16, blockSize: 512 },
    })),
  });
  try {
    ensureHugepages(clientMb);
    const id = (nqn: string) =>
      `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
    return await measureMemory(
      'tcp',
      numbers.map((i) => id(nqnOf(i))),
      report,
    );
  } finally {
    await target.stop();
  }
}
