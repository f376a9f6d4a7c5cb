// Starts a target and prints its process id.

import { startSpdkTarget } from '../../../scripts/target/spdk-target.js';

const target = await startSpdkTarget({
  listener: { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4466' },
  subsystems: [
    {
      nqn: 'nqn.2026-11.dev.spdk-nvme:left',
      serial: 'LEFT',
      disk: { kind: 'null', sizeMb: 64, blockSize: 512 },
    },
  ],
});
console.log(target.pid);
