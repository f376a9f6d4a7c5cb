import os from 'node:os';
import { ensureHugepages } from '../../target/hugepages.js';
import { startSpdkTarget } from '../../target/spdk-target.js';
import { tcpCases } from './cases.js';
import { type IoRow, measureIo } from './measure.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4480' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:null';
/** Enough for perf or the package. */
const clientMb = 320;

/** I/O over TCP on the host's loopback, with SPDK's own target over a null device on a core of its own. */
export async function measureTcp(
  rounds: number,
  seconds: number,
  report: (line: string) => void,
): Promise<IoRow[]> {
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'NULL', disk: { kind: 'null', sizeMb: 1024, blockSize: 512 } }],
  });
  try {
    ensureHugepages(clientMb);
    const transportId = `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
    return await measureIo({ transportId, cases: tcpCases, rounds, seconds, core: 0, report });
  } finally {
    await target.stop();
  }
}
