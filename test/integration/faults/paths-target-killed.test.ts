// Two targets over RDMA that export one disk under one NQN. The one in use is killed under verified I/O at depth 32.

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Environment, type Subsystem, type SubsystemNamespace } from '../../../lib/index.js';
import { link, subsystems } from '../../../scripts/fabric/topology.js';
import { listenerId } from '../../../scripts/target/config.js';
import { ensureHugepages } from '../../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../../scripts/target/spdk-target.js';
import { limits } from '../support/limits.js';
import { expectNothingHeld } from '../support/rdma.js';
import { eventually } from '../support/timing.js';
import { VerifiedLoad } from '../support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:killed-paths';
const [traddr = ''] = link.addresses[0].split('/');
const listeners = ['4477', '4478'].map((trsvcid) => ({ trtype: 'RDMA', traddr, trsvcid }) as const);
const ids = listeners.map((listener) => listenerId(listener, nqn));
const backing = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
const memoryMb = 128;
/** What two targets take in hugepages. */
const targetsMb = 1_024;
/** Each path once. */
const rounds = 2;
/** The kernel of the emulated machine takes so long to take a dead process's queue pairs down, and tells the host only then. */
const limitMs = 1_000;

const targets: (SpdkTarget | undefined)[] = [undefined, undefined];
let env: Environment;
let load: VerifiedLoad | undefined;

async function start(i: number): Promise<void> {
  const listener = listeners[i] as (typeof listeners)[number];
  const disk = { kind: 'file', path: backing, blockSize: 512 } as const;
  const subsystem = { nqn, serial: 'KILLED', disk };
  targets[i] = await startSpdkTarget({
    listener,
    core: 1,
    memoryMb,
    sharedBuffers: 511,
    subsystems: [subsystem],
  });
}

beforeAll(async () => {
  ensureHugepages(memoryMb + targetsMb);
  for (const i of [0, 1]) await start(i);
  env = await Environment.init({ pollers: 2, memoryMb });
});
afterEach(() => load?.stop());
afterAll(async () => {
  await env?.close();
  for (const target of targets) await target?.stop('SIGKILL');
  await expectNothingHeld(limits.noticed);
});

const isUp = (subsystem: Subsystem, i: number) => subsystem.paths[i]?.state === 'up';

it('goes on over the other path, and the path comes back, again and again', {
  timeout: 120_000,
}, async () => {
  const subsystem = await env.attachSubsystem(ids, { reconnectDelayMs: 100 });
  const until = async (condition: () => boolean) =>
    expect(await eventually(limits.noticed, condition)).toBe(true);
  await until(() => isUp(subsystem, 0) && isUp(subsystem, 1));
  const verified = new VerifiedLoad(subsystem.namespaces[0] as SubsystemNamespace);
  load = verified;
  for (let round = 0; round < rounds; round++) {
    const i = round % 2;
    subsystem.prefer(subsystem.paths[i] as Subsystem['paths'][number]);
    await verified.progress(200);
    const failedOver = once(subsystem, 'failover');
    verified.resetGap();
    await Promise.all([targets[i]?.stop('SIGKILL'), failedOver]);
    await verified.progress(200);
    expect(verified.longestGapMs).toBeLessThan(limitMs);
    await start(i);
    await until(() => isUp(subsystem, i));
  }
  await verified.expectClean(5_000);
  await subsystem.detach();
  expect(env.controllers).toEqual([]);
});
