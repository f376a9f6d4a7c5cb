// A subsystem that follows the discovery log of its target, which gets and loses ports while verified I/O goes on.

import { expect, it } from 'vitest';
import type { SubsystemNamespace } from '../../lib/index.js';
import { eventually } from '../integration/support/timing.js';
import { VerifiedLoad } from '../integration/support/verified-load.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:followed';

const local = localTarget({
  port: '4474',
  memoryMb: 256,
  subsystems: [{ nqn, serial: 'FOLLOWED', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
});

const change = (call: 'add' | 'remove', trsvcid: string) =>
  local.target.call(`nvmf_subsystem_${call}_listener`, {
    nqn,
    listen_address: { ...local.listener, adrfam: 'IPv4', trsvcid },
  });

it('paths come and go with the ports of the target, and I/O goes on', { timeout: 60_000 }, async () => {
  const watch = await local.env.watchDiscovery(local.listener, { pollIntervalMs: 100 });
  const subsystem = await local.env.attachSubsystem([local.id(nqn)], { reconnectDelayMs: 100 });
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
