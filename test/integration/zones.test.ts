// Zoned namespaces of the kernel's target, over both transports, and over both as paths of one subsystem: a null_blk disk with zones.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment, Namespace, SubsystemNamespace, Zone } from '../../lib/index.js';
import { addSubsystem, allow, makeZonedDisk, withdraw } from '../../scripts/target/kernel-target.js';
import { detachLeftovers, open, ports, subsystems, transportId } from './support/fabric.js';
import { limits } from './support/limits.js';
import { codeOf, eventually, rejection } from './support/timing.js';

const nqn = `${subsystems.disk0.nqn}-zoned`;
const nguid = '6c6f6361-6c6c-7921-9e01-000000000004';
const sides = [ports.rdma, ports.tcp] as const;
const blockSize = 4096;
const zoneBytes = 1 << 20;

let env: Environment;
const undo: (() => void)[] = [];

beforeAll(async () => {
  env = await open();
  const shape = { sizeMb: 8, zoneMb: 1, blockSize, maxOpen: 2, maxActive: 3 };
  const disk = makeZonedDisk('zoned0', shape);
  undo.push(disk.remove);
  undo.push(addSubsystem(nqn, 'ZONED', [{ id: 1, device: disk.device, nguid }], sides));
});
afterAll(async () => {
  await detachLeftovers(env);
  await env.close();
  for (const remove of undo.reverse()) remove();
});

async function attach(port: (typeof ports)['rdma' | 'tcp']): Promise<Namespace> {
  const controller = await env.attach(transportId(nqn, port), { ioQueues: 2, timeoutMs: 30_000 });
  return controller.namespaces[0] as Namespace;
}

const block = (text: string) => Buffer.alloc(blockSize, text);

describe.each(['rdma', 'tcp'] as const)('a zoned namespace over %s', (transport) => {
  it('is reported, appended to, read and managed', async () => {
    const ns = await attach(ports[transport]);
    const { zones } = ns;
    const info = await zones.info();
    expect(info).toMatchObject({ zoneBytes, zones: 8, maxOpen: 2, maxActive: 3, extensionBytes: 0 });
    await zones.reset('all');
    expect(await zones.report({ state: 'empty' })).toHaveLength(8);

    const texts = ['a', 'b', 'c', 'd'];
    const places = await Promise.all(texts.map((text) => zones.append(zoneBytes, block(text))));
    expect([...places].sort((a, b) => a - b)).toEqual(texts.map((_, i) => zoneBytes + i * blockSize));
    for (const [i, offset] of places.entries())
      expect((await ns.read(block(''), { offset })).equals(block(texts[i] as string))).toBe(true);
    const using = env.allocate(2 * blockSize);
    const end = zoneBytes + 4 * blockSize;
    expect(await zones.append(zoneBytes, using)).toBe(end);
    using.release();
    const [zone] = (await zones.report({ from: zoneBytes, count: 1 })) as [Zone];
    expect(zone).toMatchObject({ state: 'implicitly-open', writePointer: end + 2 * blockSize });

    await ns.write(block('e'), { offset: zone.writePointer as number });
    expect(await codeOf(ns.write(block('f'), { offset: zone.offset }))).toMatch(
      /ZONE_INVALID_WRITE|IO_FAILED/,
    );
    await zones.close(zone);
    await zones.open(2 * zoneBytes);
    await zones.finish(2 * zoneBytes);
    const states = async () => (await zones.report()).map(({ state }) => state);
    expect((await states()).slice(0, 4)).toEqual(['empty', 'closed', 'full', 'empty']);
    await rejection('ERR_SPDK_ZONE_INVALID_TRANSITION', limits.response, zones.close(0));
    expect(await codeOf(zones.append(2 * zoneBytes, block('g')))).toMatch(/ZONE_FULL|IO_FAILED/);
    await zones.reset(zone);
    await zones.reset(2 * zoneBytes);
    expect(new Set(await states())).toEqual(new Set(['empty']));
    await ns.controller.detach();
  });
});

it('over both transports, no append that a lost path had goes twice, and reports go on', async () => {
  const ids = sides.map((port) => transportId(nqn, port));
  const subsystem = await env.attachSubsystem(ids, { reconnectDelayMs: 100, ioQueues: 2 });
  const up = () => subsystem.paths.every(({ state }) => state === 'up');
  expect(await eventually(limits.attach, up)).toBe(true);
  const ns = subsystem.namespaces[0] as SubsystemNamespace;
  const { zones } = ns;
  await zones.reset('all');
  const pointer = async () => (await zones.report({ count: 1 }))[0]?.writePointer as number;
  for (const path of subsystem.paths) {
    subsystem.prefer(path);
    expect(await zones.append(0, block('before'))).toBe((await pointer()) - blockSize);
  }

  const [first, second] = subsystem.paths;
  subsystem.prefer(first);
  const written = new Map<number, string>();
  const failures: string[] = [];
  let left = 200;
  const append = async () => {
    for (; left > 0; ) {
      const text = `block ${left--} `;
      await zones.append(0, block(text)).then(
        (offset) => written.set(offset, text),
        ({ code }) => failures.push(code),
      );
    }
  };
  const appending = [1, 2, 3, 4, 5, 6, 7, 8].map(append);
  expect(await eventually(limits.response, () => written.size > 20)).toBe(true);
  withdraw(nqn, ports.rdma);
  expect(await eventually(limits.attach, () => first?.state === 'reconnecting')).toBe(true);
  await Promise.all(appending);
  expect(subsystem.pathsOf(ns)).toEqual([second]);
  await Promise.all(['x', 'y'].map(async (text) => written.set(await zones.append(0, block(text)), text)));
  expect(failures.filter((code) => code !== 'ERR_SPDK_IO_FAILED')).toEqual([]);
  const blocks = (await pointer()) / blockSize - subsystem.paths.length;
  expect(blocks).toBeGreaterThanOrEqual(written.size);
  expect(blocks).toBeLessThanOrEqual(written.size + failures.length);
  for (const [offset, text] of written)
    expect((await ns.read(block(''), { offset })).equals(block(text))).toBe(true);
  allow(nqn, ports.rdma);
  expect(await eventually(limits.attach, up)).toBe(true);
  await zones.finish(0);
  expect((await zones.report({ count: 1 }))[0]?.state).toBe('full');
  await zones.reset('all');
  await subsystem.detach();
});

it('a namespace without zones is none', async () => {
  const controller = await env.attach(transportId(subsystems.disk0.nqn), { timeoutMs: 30_000 });
  const [plain] = controller.namespaces as [Namespace];
  expect(await plain.zones.info()).toBeUndefined();
  await rejection('ERR_SPDK_UNSUPPORTED', limits.response, plain.zones.report());
  await controller.detach();
});
