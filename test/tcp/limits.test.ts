import { afterAll, beforeAll } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limitsMatrix, limitsOfProcess } from '../integration/suites/limits.js';
import { expectNoConnections } from '../integration/suites/target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:limited';
const id = `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4613 subnqn:${nqn}`;

let target: SpdkTarget;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener: { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4613' },
    sharedBuffers: 511,
    subsystems: [{ nqn, serial: 'LIMITED', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(256);
});

afterAll(() => target.stop('SIGKILL'));

limitsMatrix(
  () => ({ id, expectNothingHeld: () => expectNoConnections(['4613']), limitMs: 15_000 }),
  limitsOfProcess,
);
