// Two targets over RDMA that export one disk under one NQN. The one in use is killed under verified I/O at depth 32.

import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Environment, type Subsystem, type SubsystemNamespace } from '../../../lib/index.js';
import { link, subsystems } from '../../../scripts/fabric/topology.js';
import { ensureHugepages } from '../../../scripts/target/hugepages.js';
import { FaultyTarget, memoryMb, twoTargetsMb } from '../suites/target.js';
import { limits } from '../support/limits.js';
import { expectNothingHeld } from '../support/rdma.js';
import { eventually, timed } from '../support/timing.js';
import { VerifiedLoad } from '../support/verified-load.js';

const [traddr = ''] = link.addresses[0].split('/');
const backing = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
const targets = ['4477', '4478'].map(
  (trsvcid) =>
    new FaultyTarget({ trtype: 'RDMA', traddr, trsvcid }, { kind: 'file', path: backing, blockSize: 512 }, 1),
);
/** Each path once, or more often if other programs had the processors each time. */
const rounds = { least: 2, most: 6 } as const;
/** Counted from the end of the target's process. The kernel disconnects the host while it destroys the queue pairs of that process. */
const limitMs = 200;
/** The same in a round in which other programs have the processors. */
const crowdedMs = 1_000;

let env: Environment;
let load: VerifiedLoad | undefined;

beforeAll(async () => {
  ensureHugepages(memoryMb + twoTargetsMb);
  await Promise.all(targets.map((target) => target.start()));
  env = await Environment.init({ pollers: 2, memoryMb });
});
afterEach(() => load?.stop());
afterAll(async () => {
  await env?.close();
  await Promise.all(targets.map((target) => target.kill()));
  await expectNothingHeld(limits.noticed);
});

const isUp = (subsystem: Subsystem, i: number) => subsystem.paths[i]?.state === 'up';

it('continues over the other path, and the path reconnects, again and again', {
  timeout: 120_000,
}, async () => {
  const subsystem = await env.attachSubsystem(
    targets.map(({ id }) => id),
    { reconnectDelayMs: 100 },
  );
  const until = async (condition: () => boolean) =>
    expect(await eventually(limits.noticed, condition)).toBe(true);
  await until(() => isUp(subsystem, 0) && isUp(subsystem, 1));
  const verified = new VerifiedLoad(subsystem.namespaces[0] as SubsystemNamespace);
  load = verified;
  const pauses: number[] = [];
  const isSlow = () => Math.min(...pauses) >= limitMs;
  for (let round = 0; round < rounds.least || (round < rounds.most && isSlow()); round++) {
    const i = round % 2;
    const target = targets[i] as FaultyTarget;
    subsystem.prefer(subsystem.paths[i] as Subsystem['paths'][number]);
    await verified.progress(200);
    const failedOver = once(subsystem, 'failover');
    verified.resetGap();
    const { ms } = await timed(target.kill());
    await failedOver;
    await verified.progress(200);
    pauses.push(verified.longestGapMs - ms);
    await target.start();
    await until(() => isUp(subsystem, i));
  }
  await verified.expectClean(5_000);
  expect(Math.min(...pauses)).toBeLessThan(limitMs);
  expect(Math.max(...pauses)).toBeLessThan(crowdedMs);
  await subsystem.detach();
  expect(env.controllers).toEqual([]);
});
