import { ensureHugepages } from '../target/hugepages.js';
import { startSpdkTarget } from '../target/spdk-target.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4463' } as const;
const nqns = [0, 1, 2].map((i) => `nqn.2026-11.dev.spdk-nvme:fuzz${i}`);

/** SPDK's target on this host's loopback, so that calls reach controllers that are really attached. */
export async function startFuzzTarget(): Promise<{ transportIds: string[]; stop(): Promise<void> }> {
  const target = await startSpdkTarget({
    listener,
    subsystems: nqns.map((nqn, i) => ({
      nqn,
      serial: `FUZZ${i}`,
      disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 },
    })),
  });
  ensureHugepages(128);
  const { trtype, traddr, trsvcid } = listener;
  return {
    transportIds: nqns.map(
      (nqn) => `trtype:${trtype} adrfam:IPv4 traddr:${traddr} trsvcid:${trsvcid} subnqn:${nqn}`,
    ),
    stop: () => target.stop('SIGKILL'),
  };
}
