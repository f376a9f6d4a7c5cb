// What an attached controller costs while nothing is asked of it.

import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4463' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:idle';
const measuredMs = 3_000;
/** Of one core. */
const limitPercent = 2;

let target: SpdkTarget;
beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'IDLE', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(256);
});
afterAll(() => target?.stop());

it.each(['threads', 'inline'] as const)(
  'an idle controller polled by %s takes next to no processor',
  async (polling) => {
    await using env = await Environment.init({ memoryMb: 128 });
    await env.attach(
      `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`,
      { ioQueues: 2, polling },
    );
    await sleep(500);
    const before = process.cpuUsage();
    await sleep(measuredMs);
    const { user, system } = process.cpuUsage(before);
    expect(((user + system) / 1_000 / measuredMs) * 100).toBeLessThan(limitPercent);
  },
);
