// The faults' tests on the host, over TCP on loopback, against SPDK's own target.

import os from 'node:os';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections, type FaultEnvironment, memoryMb } from '../integration/suites/target.js';

const traddr = '127.0.0.1';
const nqn = 'nqn.2026-11.dev.spdk-nvme:bystander';

/** The faulty target at one port, another one that nothing happens to at a second. */
export function tcpEnvironment(port: string, otherPort: string): FaultEnvironment {
  return {
    listener: { trtype: 'TCP', traddr, trsvcid: port },
    other: async () => {
      ensureHugepages(2 * memoryMb);
      const target = await startSpdkTarget({
        listener: { trtype: 'TCP', traddr, trsvcid: otherPort },
        core: os.availableParallelism() - 1,
        memoryMb,
        subsystems: [{ nqn, serial: 'BYSTANDER', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
      });
      return {
        id: `trtype:TCP adrfam:IPv4 traddr:${traddr} trsvcid:${otherPort} subnqn:${nqn}`,
        stop: () => target.stop('SIGKILL'),
      };
    },
    expectNothingHeld: (limitMs) => expectNoConnections([port, otherPort], limitMs),
  };
}
