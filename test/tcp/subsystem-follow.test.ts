// A subsystem that follows the discovery log of its target, which gets and loses ports while verified I/O goes on.

import os from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment, type SubsystemNamespace } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { eventually } from '../integration/support/timing.js';
import { VerifiedLoad } from '../integration/support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:followed';
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4474' } as const;
const memoryMb = 128;

let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    memoryMb: 256,
    subsystems: [{ nqn, serial: 'FOLLOWED', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  });
  ensureHugepages(memoryMb);
  env = await Environment.init({ memoryMb });
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
});

const change = (call: 'add' | 'remove', trsvcid: string) =>
  target.call(`nvmf_subsystem_${call}_listener`, {
    nqn,
    listen_address: { ...listener, adrfam: 'IPv4', trsvcid },
  });

it('paths come and go with the ports of the target, and I/O goes on', { timeout: 60_000 }, async () => {
  const watch = await env.watchDiscovery(listener, { pollIntervalMs: 100 });
  const subsystem = await env.attachSubsystem([listenerId(listener, nqn)], { reconnectDelayMs: 100 });
  subsystem.follow(watch);
  const up = () =>
    subsystem.paths
      .filter(({ state }) => state === 'up')
      .map(({ transportId }) => transportId.trsvcid)
      .join();
  const until = async (ports: string) => {
    await eventually(20_000, () => up() === ports && subsystem.paths.length === ports.split(',').length);
    expect(up()).toBe(ports);
  };
  const load = new VerifiedLoad(subsystem.namespaces[0] as SubsystemNamespace);
  await load.progress(100);
  await change('add', '4475');
  await until('4474,4475');
  await load.progress(100);
  await change('remove', '4474');
  await until('4475');
  await load.progress(100);
  await change('add', '4474');
  await until('4475,4474');
  await change('remove', '4475');
  await until('4474');
  await load.progress(100);
  await load.expectClean(5_000);
  await subsystem.detach();
  await watch.close();
});
