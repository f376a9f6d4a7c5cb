// Several paths to one subsystem of the kernel's target, over RDMA and TCP: ANA states that change, and a port that is
// withdrawn, while verified I/O at depth 32 goes on.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Environment, Subsystem, SubsystemNamespace, SubsystemPath } from '../../lib/index.js';
import { median } from '../../scripts/bench/statistics.js';
import {
  allSubsystems,
  type FabricPort,
  ports,
  subsystems,
  transportId,
} from '../../scripts/fabric/topology.js';
import { addSubsystem, allow, setAna, withdraw } from '../../scripts/target/kernel-target.js';
import { open } from './support/fabric.js';
import { codeOf, eventually, timed } from './support/timing.js';
import { VerifiedLoad } from './support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:paths';
const sides = [ports.rdma, ports.tcp] as const;
const ids = sides.map((port) => transportId(nqn, port));
const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
const nguid = '6c6f6361-6c6c-7921-9e01-000000000001';
/** How long I/O may pause for a change of ANA, and when a path is lost; how soon it goes on when one of two lost paths is back. */
const bounds = { ana: 100, loss: 200, back: 1_000 } as const;
/**
 * An emulated machine needs longer for code that runs for the first time, and while it also connects again and again; and
 * how long it may be until a path is up, or its state is known.
 */
const emulated = { pause: 1_000, state: 15_000 } as const;
const reconnectDelayMs = 100;
const detachMs = 5_000;
/** How often a path changes its ANA state and back, and is lost, in one test; and at most, where other programs had the processors each time. */
const rounds = { ana: 5, loss: 2, mostLosses: 6 } as const;

let env: Environment;
let remove: () => void;
let subsystem: Subsystem;

beforeAll(async () => {
  remove = addSubsystem(nqn, 'PATHS', [{ id: 1, device, nguid }], sides);
  env = await open();
  subsystem = await env.attachSubsystem(ids, { reconnectDelayMs });
  await until(() => subsystem.paths.every(({ state }) => state === 'up'));
});
afterEach(async () => {
  // A test that failed half-way has not released its resources.
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
  expect(await eventually(emulated.state, condition)).toBe(true);
}

it('is one namespace over both transports, with the identifier and the ANA state of the target', () => {
  expect(subsystem.namespaces).toHaveLength(1);
  expect(only().nguid).toBe(nguid.replaceAll('-', ''));
  expect(subsystem.paths.map((one) => one.ana(1))).toEqual(['optimized', 'optimized']);
  expect(subsystem.pathsOf(only())).toHaveLength(2);
});

it.each(['inaccessible', 'change', 'persistent-loss'] as const)(
  'the path in use is %s and back, again and again: no error, and at most 100 ms of pause',
  async (state) => {
    subsystem.prefer(path(0));
    const load = await begin();
    await load.progress(100);
    const pauses: number[] = [];
    const others: number[] = [];
    const become = async (ana: typeof state | 'optimized', used: SubsystemPath) => {
      others.push(await load.gapIn(() => sleep(100)));
      const pause = await load.gapIn(async () => {
        setAna(ports.rdma, ana);
        await until(() => path(0).ana(1) === ana);
      });
      pauses.push(pause);
      expect(subsystem.pathsOf(only())[0]).toBe(used);
    };
    for (let i = 0; i < rounds.ana; i++) {
      await become(state, path(1));
      await become('optimized', path(0));
    }
    await load.expectClean(5_000);
    // Longer than the pauses of the same load without a change.
    expect(median(pauses)).toBeLessThan(bounds.ana + median(others));
    expect(Math.max(...pauses)).toBeLessThan(emulated.pause);
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

it('ends operations immediately when both have lost it for good, and after the transition time while both are inaccessible', async () => {
  const anatt = (await path(0).controller?.admin.identify())?.readUInt8(342) as number;
  expect(anatt).toBeGreaterThan(0);
  const become = async (state: 'persistent-loss' | 'inaccessible') => {
    for (const port of sides) setAna(port, state);
    await until(() => subsystem.paths.every((one) => one.ana(1) === state));
  };
  const write = () => timed(codeOf(only().write(Buffer.alloc(512), { offset: 0 }), 'ok'));
  await become('persistent-loss');
  const lost = await write();
  expect(lost.value).toBe('ERR_SPDK_NO_PATH');
  expect(lost.ms).toBeLessThan(emulated.pause);
  await become('inaccessible');
  const late = await write();
  expect(late.value).toBe('ERR_SPDK_NO_PATH');
  expect(late.ms).toBeGreaterThan(anatt * 1_000 - emulated.pause);
  expect(late.ms).toBeLessThan(anatt * 1_000 + emulated.pause);
});

const both = [0, 1] as const;

/** Loses a path under a load, again and again: I/O continues over the other path within the limit, and the lost path reconnects. */
async function expectFailover(i: number, lose: () => void, giveBack: () => void): Promise<void> {
  subsystem.prefer(path(i));
  const load = await begin();
  const pauses: number[] = [];
  const others: number[] = [];
  // Longer than the pauses of the same load without a loss.
  const limitMs = () => bounds.loss + median(others);
  const isSlow = () => Math.min(...pauses) >= limitMs();
  for (let round = 0; round < rounds.loss || (round < rounds.mostLosses && isSlow()); round++) {
    await until(() => path(i).state === 'up' && path(i).ana(1) === 'optimized');
    await load.progress(100);
    others.push(await load.gapIn(() => sleep(100)));
    const failedOver = once(subsystem, 'failover');
    const pause = await load.gapIn(async () => {
      lose();
      await failedOver;
    });
    pauses.push(pause);
    giveBack();
  }
  await until(() => path(i).state === 'up');
  await load.expectClean(5_000);
  expect(Math.min(...pauses)).toBeLessThan(limitMs());
  expect(Math.max(...pauses)).toBeLessThan(emulated.pause);
}

it.each(both)('is withdrawn from port %i: I/O goes on over the other one within the bound', async (i) => {
  const port = sides[i] as FabricPort;
  await expectFailover(
    i,
    () => withdraw(nqn, port),
    () => allow(nqn, port),
  );
});

it('its port is disabled: I/O goes on over the other one within the bound', async () => {
  const names = [nqn, ...allSubsystems.map((one) => one.nqn)];
  const each = (act: typeof withdraw) => () => {
    for (const name of names) act(name, ports.rdma);
  };
  await expectFailover(0, each(withdraw), each(allow));
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
  expect(performance.now() - back).toBeLessThan(reconnectDelayMs + bounds.back + emulated.pause);
  for (const port of sides) allow(nqn, port);
  await until(() => both.every((one) => path(one).state === 'up'));
  await load.expectClean(5_000);
});

it('is detached in time while one path is being connected again and again', async () => {
  subsystem.prefer(path(0));
  const load = await begin();
  await load.progress(100);
  withdraw(nqn, ports.rdma);
  await until(() => path(0).state === 'reconnecting');
  const begun = performance.now();
  await subsystem.detach({ drainMs: 100, timeoutMs: detachMs });
  const ms = performance.now() - begun;
  await load.stop();
  expect(ms).toBeLessThan(detachMs);
  expect(env.controllers).toEqual([]);
});
