// Namespaces that appear, vanish and change while their controller is attached.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Controller, Environment, Namespace } from '../../lib/index.js';
import {
  addNamespace,
  addSubsystem,
  disableNamespace,
  enableNamespace,
  moveNamespace,
  removeNamespace,
  revalidateNamespace,
} from '../../scripts/target/kernel-target.js';
import { detachLeftovers, open, subsystems, transportId } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { eventually, rejection } from './support/timing.js';

/** The maximum time from a change on the target to the event, on a slow machine. */
const noticed = 5_000;

const nqn = `${subsystems.disk0.nqn}-changing`;
const [small, large] = subsystems.disk0.namespaces.map(({ disk }) => `/dev/${disk}`) as [string, string];
const fileMb = 4;

let env: Environment;
let folder: string;
let file: string;
beforeAll(async () => {
  env = await open();
});
afterAll(() => env.close());

let removeSubsystem: (() => void) | undefined;
let controller: Controller;
/** The ids of the namespaces each time that they were announced. */
let announced: number[][];

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'namespaces-'));
  file = path.join(folder, 'disk');
  fs.writeFileSync(file, Buffer.alloc(fileMb << 20));
  removeSubsystem = addSubsystem(nqn, 'CHANGING', [
    { id: 1, device: small },
    { id: 2, device: file },
  ]);
  controller = await env.attach(transportId(nqn), { ioQueues: 2, timeoutMs: 30_000 });
  announced = [];
  controller.on('namespaces', (namespaces) => announced.push(namespaces.map(({ id }) => id)));
});
afterEach(async () => {
  await detachLeftovers(env);
  removeSubsystem?.();
  fs.rmSync(folder, { recursive: true });
});

const ids = () => controller.namespaces.map(({ id }) => id);
const namespace = (id: number) => controller.namespaces.find((one) => one.id === id) as Namespace;

/** Expects that the controller gets these namespaces and emits them. */
async function becomes(expected: number[]): Promise<void> {
  await eventually(noticed, () => ids().join() === expected.join());
  expect(ids()).toEqual(expected);
  expect(announced.at(-1)).toEqual(expected);
}

/** Whether a block can be written and read back. */
async function works(one: Namespace): Promise<void> {
  const block = Buffer.alloc(one.blockSize, 0x5a);
  const offset = one.bytes - one.blockSize;
  await one.write(block, { offset });
  expect((await one.read(Buffer.alloc(one.blockSize), { offset })).equals(block)).toBe(true);
}

describe('a namespace', () => {
  it('that appears is announced, and can be used', async () => {
    const before = namespace(1);
    addNamespace(nqn, { id: 7, device: large });
    await becomes([1, 2, 7]);
    expect(namespace(7).blockSize).toBe(4096);
    await works(namespace(7));
    // Namespaces that have not changed remain the same objects.
    expect(namespace(1)).toBe(before);
    await works(before);
    removeNamespace(nqn, 7);
    await becomes([1, 2]);
  });

  it('that vanishes is announced, and rejected at once; that comes back, too', async () => {
    const [gone, stays] = [namespace(1), namespace(2)];
    disableNamespace(nqn, 1);
    await becomes([2]);
    const block = Buffer.alloc(gone.blockSize);
    for (const attempt of [
      () => gone.read(block, { offset: 0 }),
      () => gone.write(block, { offset: 0 }),
      () => gone.readv([block], { offset: 0 }),
      () => gone.flush(),
      () => gone.writeZeroes({ offset: 0, length: block.length }),
      () => gone.deallocate({ offset: 0, length: block.length }),
      () => gone.raw({ opcode: 0 }),
    ]) {
      await rejection('ERR_SPDK_NAMESPACE_GONE', limits.response, attempt());
    }
    const batch = controller.queuePairs[0]?.openBatch();
    expect(() => batch?.flush(gone, 1)).toThrow(/gone/);
    batch?.close();
    await works(stays);
    enableNamespace(nqn, 1);
    await becomes([1, 2]);
    expect(namespace(1)).not.toBe(gone);
    await works(namespace(1));
    await rejection('ERR_SPDK_NAMESPACE_GONE', limits.response, gone.read(block, { offset: 0 }));
  });

  it('that grows or shrinks is announced with its new size', async () => {
    const before = namespace(2);
    expect(before.bytes).toBe(fileMb << 20);
    fs.truncateSync(file, (2 * fileMb) << 20);
    revalidateNamespace(nqn, 2);
    expect(await eventually(noticed, () => namespace(2) !== before)).toBe(true);
    const grown = namespace(2);
    expect(grown.bytes).toBe((2 * fileMb) << 20);
    expect(announced).toEqual([[1, 2]]);
    await works(grown);
    await rejection(
      'ERR_SPDK_NAMESPACE_GONE',
      limits.response,
      before.read(Buffer.alloc(before.blockSize), { offset: 0 }),
    );

    fs.truncateSync(file, fileMb << 19);
    revalidateNamespace(nqn, 2);
    expect(await eventually(noticed, () => namespace(2) !== grown)).toBe(true);
    const shrunk = namespace(2);
    expect(shrunk.bytes).toBe(fileMb << 19);
    await works(shrunk);
  });

  it('that becomes another one, with other blocks, is another object', async () => {
    const before = namespace(1);
    disableNamespace(nqn, 1);
    moveNamespace(nqn, 1, large);
    enableNamespace(nqn, 1);
    expect(await eventually(noticed, () => ids().includes(1) && namespace(1) !== before)).toBe(true);
    expect(namespace(1).blockSize).toBe(4096);
    await works(namespace(1));
  });
});

it('with ids above the controller’s limit are noted, at the attach and when they come and go', async () => {
  const limit = controller.info.maxNamespaces;
  const [first, second] = [limit + 1, limit + 976];
  const noted = () => controller.notes.flatMap(({ namespaces }) => namespaces);
  const becomeNoted = (expected: number[]) =>
    eventually(noticed, () => noted().join() === expected.join()).then(() =>
      expect(noted()).toEqual(expected),
    );
  const other = path.join(folder, 'other');
  fs.writeFileSync(other, Buffer.alloc(fileMb << 20));

  addNamespace(nqn, { id: second, device: other });
  await becomeNoted([second]);
  addNamespace(nqn, { id: first, device: large });
  await becomeNoted([first, second]);
  expect(ids()).toEqual([1, 2]);
  const inHistory = controller.history.filter(({ kind }) => kind === 'note').map(({ text }) => text);
  expect(inHistory.at(-1)).toContain(`namespaces ${first}, ${second} cannot be used`);

  await controller.detach();
  controller = await env.attach(transportId(nqn), { ioQueues: 2, timeoutMs: 30_000 });
  await becomeNoted([first, second]);
  expect(ids()).toEqual([1, 2]);
  await works(namespace(1));
  removeNamespace(nqn, second);
  await becomeNoted([first]);
  removeNamespace(nqn, first);
  await becomeNoted([]);
});

it('are followed through changes that come closely one after the other', async () => {
  const other = path.join(folder, 'other');
  fs.writeFileSync(other, Buffer.alloc(4096));
  addNamespace(nqn, { id: 3, device: other });
  await becomes([1, 2, 3]);
  const resize = (id: number, to: string, bytes: number) => {
    fs.truncateSync(to, bytes);
    revalidateNamespace(nqn, id);
  };
  // The second change falls before, into and after the time in which the target is asked what the first one was.
  const rounds = 32;
  for (let round = 1; round <= rounds; round++) {
    const bytes = (1 + round) * 4096;
    resize(2, file, bytes);
    const then = performance.now() + (round / rounds) * 20;
    while (performance.now() < then);
    resize(3, other, bytes);
    const followed = await eventually(
      noticed,
      () => namespace(2)?.bytes === bytes && namespace(3)?.bytes === bytes,
    );
    expect(followed, `round ${round}`).toBe(true);
  }
});

it('settle every operation while one of them comes and goes under load', async () => {
  let stop = false;
  let [done, rejected] = [0, 0];
  const one = async (worker: number): Promise<void> => {
    const block = Buffer.alloc(4096);
    while (!stop) {
      const target = controller.namespaces[worker % controller.namespaces.length] as Namespace;
      await target.read(block, { offset: (worker % 8) * 4096 }).then(
        () => done++,
        ({ code }) => {
          rejected++;
          expect(['ERR_SPDK_NAMESPACE_GONE', 'ERR_SPDK_IO_FAILED']).toContain(code);
        },
      );
    }
  };
  const workers = Array.from({ length: 64 }, (_, worker) => one(worker));
  for (let round = 0; round < 10; round++) {
    disableNamespace(nqn, 1);
    await sleep(20);
    enableNamespace(nqn, 1);
    await sleep(50);
  }
  stop = true;
  await Promise.all(workers);
  expect(done).toBeGreaterThan(0);
  await eventually(noticed, () => ids().length === 2);
  await works(namespace(1));
  await controller.detach();
  await expectNothingHeld();
  console.log(`${done} reads done, ${rejected} rejected while a namespace came and went`);
});
