// Several paths to one subsystem of the kernel's target, over RDMA and TCP: ANA states that change, and a port that is
// withdrawn, while verified I/O at depth 32 goes on.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Environment, Subsystem, SubsystemNamespace, SubsystemPath } from '../../lib/index.js';
import { ports, subsystems, transportId } from '../../scripts/fabric/topology.js';
import { addSubsystem, allow, setAna, withdraw } from '../../scripts/target/kernel-target.js';
import { open } from './support/fabric.js';
import { eventually } from './support/timing.js';
import { VerifiedLoad } from './support/verified-load.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:paths';
const sides = [ports.rdma, ports.tcp] as const;
const ids = sides.map((port) => transportId(nqn, port));
const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
const nguid = '6c6f6361-6c6c-7921-9e01-000000000001';
/** How long I/O may stand still: for a change of ANA, and for a loss, on an emulated machine. */
const limits = { ana: 400, back: 15_000 };

let env: Environment;
let remove: () => void;
let subsystem: Subsystem;

beforeAll(async () => {
  remove = addSubsystem(nqn, 'PATHS', [{ id: 1, device, nguid }], sides);
  env = await open();
  subsystem = await env.attachSubsystem(ids, { reconnectDelayMs: 100 });
  await until(() => subsystem.paths.every(({ state }) => state === 'up'));
});
afterEach(() => {
  for (const port of sides) setAna(port, 'optimized');
});
afterAll(async () => {
  await subsystem?.detach();
  await env?.close();
  remove();
});

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
    const load = new VerifiedLoad(only());
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
  const load = new VerifiedLoad(only());
  await load.progress(100);
  for (const port of sides) setAna(port, 'change');
  await until(() => only().waiting === 32);
  await sleep(200);
  setAna(ports.tcp, 'optimized');
  await load.progress(100);
  await load.expectClean(5_000);
});

it('is withdrawn from one port: I/O goes on over the other one, and comes back', async () => {
  subsystem.prefer(path(0));
  const load = new VerifiedLoad(only());
  await load.progress(100);
  load.resetGap();
  withdraw(nqn, ports.rdma);
  await until(() => path(0).state === 'reconnecting');
  await load.progress(100);
  allow(nqn, ports.rdma);
  await until(() => path(0).state === 'up');
  await load.progress(100);
  await load.expectClean(5_000);
});
