// The link of the path in use is cut, silently, under verified I/O at depth 32: when it goes on over the other path.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Environment, Subsystem, SubsystemNamespace, SubsystemPathOptions } from '../../../lib/index.js';
import { farPort, ports, subsystems, transportId } from '../../../scripts/fabric/topology.js';
import { addSubsystem } from '../../../scripts/target/kernel-target.js';
import { detachLeftovers, open } from '../support/fabric.js';
import { limits } from '../support/limits.js';
import { cutWire, layWire, restoreWire } from '../support/link.js';
import { eventually, within } from '../support/timing.js';
import { VerifiedLoad } from '../support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:cut-paths';
const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
/** Beside what the options allow for: a second, and what an emulated machine needs. */
const margin = { second: 1_000, emulated: 1_500 };
/** How long RDMA waits for an acknowledgement, in each attempt. */
const ackMs = (exponent: number) => 0.004_096 * 2 ** exponent;

let env: Environment;
let remove: () => void;
let load: VerifiedLoad | undefined;
let subsystem: Subsystem | undefined;

beforeAll(async () => {
  await layWire();
  remove = addSubsystem(
    nqn,
    'CUTPATHS',
    [{ id: 1, device, nguid: '6c6f6361-6c6c-7921-9e01-000000000002' }],
    [farPort, ports.tcp],
  );
  env = await open();
});
afterEach(async () => {
  await restoreWire();
  await load?.stop();
  await subsystem?.detach();
  await detachLeftovers(env);
});
afterAll(async () => {
  await env?.close();
  remove();
});

/** Attaches both paths, of which the one over the wire is in use, under load. */
async function use(options: Omit<SubsystemPathOptions, 'id'>) {
  const used = await env.attachSubsystem(
    [{ id: transportId(nqn, farPort), preferred: true, ...options }, transportId(nqn, ports.tcp)],
    { reconnectDelayMs: 100 },
  );
  subsystem = used;
  expect(await eventually(limits.attach, () => used.paths.every(({ state }) => state === 'up'))).toBe(true);
  const begun = new VerifiedLoad(used.namespaces[0] as SubsystemNamespace);
  load = begun;
  await begun.progress(100);
  begun.resetGap();
  return { subsystem: used, load: begun };
}

it.each<[Omit<SubsystemPathOptions, 'id'>, number]>([
  [{ keepAliveMs: 1_000 }, 1_000],
  [{ keepAliveMs: 3_000 }, 3_000],
  // The keep-alive timeout is the default, 10 s.
  [{ transportAckTimeout: 16, transportRetryCount: 2 }, 3 * ackMs(16)],
])('with %j it goes on in time, and the path comes back', { timeout: 60_000 }, async (options, noticedMs) => {
  const { subsystem, load } = await use(options);
  const allUp = () => subsystem.paths.every(({ state }) => state === 'up');
  const failedOver = once(subsystem, 'failover');
  await cutWire();
  await within(noticedMs + margin.second + margin.emulated, failedOver);
  await load.progress(100);
  expect(load.longestGapMs).toBeLessThan(noticedMs + margin.second + margin.emulated);
  // The path must have been lost: otherwise the cut went unnoticed.
  expect(load.longestGapMs).toBeGreaterThan(noticedMs / 2);
  await restoreWire();
  expect(await eventually(limits.noticed, allUp)).toBe(true);
  await load.progress(100);
  await load.expectClean(5_000);
});

it('is detached in time while the path in use does not respond, which was not noticed yet', async () => {
  const { subsystem } = await use({ keepAliveMs: 10_000 });
  await cutWire();
  await sleep(100);
  expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
  await within(limits.detach, subsystem.detach({ drainMs: 100 }));
  expect(env.controllers).toEqual([]);
});
