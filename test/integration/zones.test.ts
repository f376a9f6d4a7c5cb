// Zoned namespaces of the kernel's target, over both transports: a null_blk disk with zones.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment, Namespace, Zone } from '../../lib/index.js';
import { addSubsystem, makeZonedDisk } from '../../scripts/target/kernel-target.js';
import { detachLeftovers, open, ports, subsystems, transportId } from './support/fabric.js';
import { limits } from './support/limits.js';
import { codeOf, rejection } from './support/timing.js';

const nqn = `${subsystems.disk0.nqn}-zoned`;
const blockSize = 4096;
const zoneBytes = 1 << 20;

let env: Environment;
const undo: (() => void)[] = [];

beforeAll(async () => {
  env = await open();
  const shape = { sizeMb: 8, zoneMb: 1, blockSize, maxOpen: 2, maxActive: 3 };
  const disk = makeZonedDisk('zoned0', shape);
  undo.push(disk.remove);
  undo.push(addSubsystem(nqn, 'ZONED', [{ id: 1, device: disk.device }], [ports.rdma, ports.tcp]));
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

it('a namespace without zones is none', async () => {
  const controller = await env.attach(transportId(subsystems.disk0.nqn), { timeoutMs: 30_000 });
  const [plain] = controller.namespaces as [Namespace];
  expect(await plain.zones.info()).toBeUndefined();
  await rejection('ERR_SPDK_UNSUPPORTED', limits.response, plain.zones.report());
  await controller.detach();
});
