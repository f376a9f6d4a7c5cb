// Several paths to one subsystem of the kernel's target, over RDMA and TCP: ANA states that change, and a port that is
// withdrawn, while verified I/O at depth 32 goes on.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Environment, Subsystem, SubsystemNamespace, SubsystemPath } from '../../lib/index.js';
import {
  allSubsystems,
  type FabricPort,
  ports,
  subsystems,
  transportId,
} from '../../scripts/fabric/topology.js';
import { addSubsystem, allow, setAna, withdraw } from '../../scripts/target/kernel-target.js';
import { open } from './support/fabric.js';
import { eventually } from './support/timing.js';
import { VerifiedLoad } from './support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:paths';
const sides = [ports.rdma, ports.tcp] as const;
const ids = sides.map((port) => transportId(nqn, port));
const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
const nguid = '6c6f6361-6c6c-7921-9e01-000000000001';
/**
 * On an emulated machine: how long I/O may pause for a change of ANA; how long after the loss another path is used,
 * and how long it may pause then, while this machine also connects again and again.
 */
const limits = { ana: 400, loss: 500, crowded: 1_000, back: 15_000, emulated: 1_000 };

let env: Environment;
let remove: () => void;
let subsystem: Subsystem;

beforeAll(async () => {
  remove = addSubsystem(nqn, 'PATHS', [{ id: 1, device, nguid }], sides);
  env = await open();
  subsystem = await env.attachSubsystem(ids, { reconnectDelayMs: 100 });
  await until(() => subsystem.paths.every(({ state }) => state === 'up'));
});
afterEach(async () => {
  // A test that failed half-way has not given back what it took.
  for (const name of [nqn, ...allSubsystems.map((one) => one.nqn)]) allow(name, ports.rdma);
  allow(nqn, ports.tcp);
  for (const load of loads.splice(0)) await load.stop();
  for (const port of sides) setAna(port, 'optimized');
});
afterAll(async () => {
  await subsystem?.detach();
  await env?.close();
  remove();
});

const loads: VerifiedLoad[] = [];
/** A load over the path that is preferred, if there is one, once the ANA states of the test before are forgotten. */
async function begin(): Promise<VerifiedLoad> {
  await until(() => subsystem.paths.every((one) => one.state === 'up' && one.ana(1) === 'optimized'));
  const load = new VerifiedLoad(only());
  loads.push(load);
  return load;
}

const only = () => subsystem.namespaces[0] as SubsystemNamespace;
const path = (i: number) => subsystem.paths[i] as SubsystemPath;

async function until(condition: () => boolean): Promise<void> {
  expect(await eventually(limits.back, condition)).toBe(true);
}

it('is one namespace over both transports, with the identifier and the ANA state of the target', () => {
  expect(subsystem.namespaces).toHaveLength(1);
  expect(only().nguid).toBe(nguid.replaceAll('-', ''));
  expect(subsystem.paths.map((one) => one.ana(1))).toEqual(['optimized', 'optimized']);
  expect(subsystem.pathsOf(only())).toHaveLength(2);
});

it.each(['inaccessible', 'change', 'persistent-loss'] as const)(
  'the path in use is %s and back: no error, and hardly a pause',
  async (state) => {
    subsystem.prefer(path(0));
    const load = await begin();
    await load.progress(100);
    load.resetGap();
    setAna(ports.rdma, state);
    await until(() => path(0).ana(1) === state);
    expect(subsystem.pathsOf(only())).toEqual([path(1)]);
    await load.progress(100);
    expect(load.longestGapMs).toBeLessThan(limits.ana);
    load.resetGap();
    setAna(ports.rdma, 'optimized');
    await until(() => path(0).ana(1) === 'optimized');
    await load.progress(100);
    expect(load.longestGapMs).toBeLessThan(limits.ana);
    expect(subsystem.pathsOf(only())[0]).toBe(path(0));
    await load.expectClean(5_000);
  },
);

it('uses a path that is not optimized when there is no better one', async () => {
  setAna(ports.rdma, 'non-optimized');
  await until(() => path(0).ana(1) === 'non-optimized');
  expect(subsystem.pathsOf(only())).toEqual([path(1)]);
  setAna(ports.tcp, 'inaccessible');
  await until(() => path(1).ana(1) === 'inaccessible');
  expect(subsystem.pathsOf(only())).toEqual([path(0)]);
  await only().write(Buffer.alloc(512), { offset: 0 });
});

it('waits while both are in transition, and goes on afterwards', async () => {
  const load = await begin();
  await load.progress(100);
  for (const port of sides) setAna(port, 'change');
  await until(() => only().waiting === 32);
  await sleep(200);
  setAna(ports.tcp, 'optimized');
  await load.progress(100);
  await load.expectClean(5_000);
});

const both = [0, 1] as const;

it.each(both)(
  'is withdrawn from port %i: I/O goes on over the other one within the bound, and comes back',
  async (i) => {
    const port = sides[i] as FabricPort;
    subsystem.prefer(path(i));
    const load = await begin();
    await load.progress(100);
    load.resetGap();
    const failedOver = once(subsystem, 'failover');
    withdraw(nqn, port);
    const withdrawn = performance.now();
    await failedOver;
    expect(performance.now() - withdrawn).toBeLessThan(limits.loss);
    await load.progress(100);
    expect(load.longestGapMs).toBeLessThan(limits.crowded);
    allow(nqn, port);
    await until(() => path(i).state === 'up');
    await load.progress(100);
    await load.expectClean(5_000);
  },
);

it('its port is disabled: I/O goes on over the other one within the bound', async () => {
  subsystem.prefer(path(0));
  const load = await begin();
  await load.progress(100);
  load.resetGap();
  const names = [nqn, ...allSubsystems.map((one) => one.nqn)];
  const failedOver = once(subsystem, 'failover');
  for (const name of names) withdraw(name, ports.rdma);
  const disabled = performance.now();
  await failedOver;
  const ms = performance.now() - disabled;
  await load.progress(100);
  const gap = load.longestGapMs;
  for (const name of names) allow(name, ports.rdma);
  await until(() => path(0).state === 'up');
  await load.expectClean(5_000);
  expect(ms).toBeLessThan(limits.loss);
  expect(gap).toBeLessThan(limits.crowded);
});

it.each(both)('is withdrawn from both, and comes back to port %i: I/O goes on soon', async (i) => {
  const load = await begin();
  await load.progress(100);
  for (const port of sides) withdraw(nqn, port);
  await until(() => only().waiting === 32);
  await sleep(300);
  const back = performance.now();
  allow(nqn, sides[i] as FabricPort);
  await load.progress(32);
  // The delay between attempts to connect, and a second.
  expect(performance.now() - back).toBeLessThan(100 + 1_000 + limits.emulated);
  for (const port of sides) allow(nqn, port);
  await until(() => both.every((one) => path(one).state === 'up'));
  await load.expectClean(5_000);
});
