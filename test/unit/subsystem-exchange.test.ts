// Paths that are exchanged for others, in the orders in which programs do that, while a program holds a namespace.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SubsystemPath } from '../../lib/index.js';
import { attachBoth, block, codeOf, only, pathAt, takeDown, twoPaths, until } from './memory/two-paths.js';

const all = twoPaths();

describe('a namespace whose last path is removed', () => {
  it('is the same object over a path that is added later', async () => {
    const subsystem = await all.env.attachSubsystem([all.ids[0]]);
    const namespace = only(subsystem);
    await subsystem.removePath(pathAt(subsystem, 0));
    expect([subsystem.namespaces, subsystem.pathsOf(namespace)]).toEqual([[namespace], []]);
    expect(await codeOf(namespace.flush())).toBe('ERR_SPDK_NO_PATH');
    subsystem.addPath(all.ids[1]);
    await namespace.write(block(3), { offset: 0 });
    expect(subsystem.namespaces).toEqual([namespace]);
    expect(all.disk.data[0]).toBe(3);
  });

  it('goes on over one that was added before, and is not up yet', async () => {
    const subsystem = await all.env.attachSubsystem([all.ids[0]]);
    const namespace = only(subsystem);
    all.targets[0].latencyMs = 300;
    all.targets[1].connectMs = 50;
    const outstanding = namespace.write(block(1), { offset: 0 });
    await sleep(5);
    subsystem.addPath(all.ids[1]);
    await subsystem.removePath(pathAt(subsystem, 0), { drainMs: 1 });
    await Promise.all([outstanding, namespace.write(block(2), { offset: 512 })]);
    expect([all.disk.data[0], all.disk.data[512]]).toEqual([1, 2]);
  });

  it('is gone where the added path does not have it, and a new object where that has another size', async () => {
    const second = all.sides[0].addNamespace(2, { blocks: 8 });
    const subsystem = await all.env.attachSubsystem([all.ids[0]]);
    const [first, gone] = subsystem.namespaces;
    expect(gone?.uuid).toBe(second.uuid);
    await subsystem.removePath(pathAt(subsystem, 0));
    all.sides[0].resizeNamespace(1, 128);
    subsystem.addPath(all.ids[1]);
    await until(() => pathAt(subsystem, 0).state === 'up');
    expect(subsystem.namespaces.map(({ id, blocks }) => [id, blocks])).toEqual([[1, 128]]);
    for (const one of [first, gone]) {
      expect(await codeOf(one?.flush() as Promise<void>)).toBe('ERR_SPDK_NAMESPACE_GONE');
    }
  });
});

it('what changed while a path was lost is not taken back when the other one is removed, and waits for it', async () => {
  const subsystem = await attachBoth(all);
  takeDown(all.targets[1]);
  await until(() => pathAt(subsystem, 1).state === 'reconnecting');
  all.sides[0].resizeNamespace(1, 128);
  all.sides[1].shareNamespace(all.sides[0].addNamespace(2, { blocks: 8 }));
  await until(() => subsystem.namespaces.length === 2);
  const { namespaces } = subsystem;
  await subsystem.removePath(pathAt(subsystem, 0));
  expect(subsystem.namespaces).toEqual(namespaces);
  const waiting = namespaces.map((one) => one.write(block(one.id), { offset: 0 }));
  await sleep(20);
  all.targets[1].rejection = undefined;
  await Promise.all(waiting);
  expect(subsystem.namespaces).toEqual(namespaces);
  expect(namespaces.map(({ blocks }) => blocks)).toEqual([128, 8]);
  expect(subsystem.history.filter(({ kind }) => kind === 'note')).toEqual([]);
});

it('both paths are exchanged one after the other under writes, none of which fails', async () => {
  const subsystem = await attachBoth(all);
  const namespace = only(subsystem);
  let going = true;
  const writing = (async () => {
    for (let i = 0; going; i++) await namespace.write(block(i % 256), { offset: 0 });
  })();
  for (const id of [...all.ids, ...all.ids]) {
    await subsystem.removePath(pathAt(subsystem, 0));
    subsystem.addPath(id);
  }
  going = false;
  await writing;
});

it('pathsOf() has the path in use first, also one that is kept although an earlier one is back', async () => {
  const subsystem = await attachBoth(all);
  const namespace = only(subsystem);
  const sentOver = async () => {
    const before = subsystem.paths.map((path) => path.stats().sent);
    await namespace.flush();
    return subsystem.paths.filter((path, i) => path.stats().sent > (before[i] as number));
  };
  const inUse = () => subsystem.pathsOf(namespace).slice(0, 1);
  subsystem.prefer(pathAt(subsystem, 1));
  expect(await sentOver()).toEqual(inUse());
  subsystem.prefer(undefined);
  takeDown(all.targets[0]);
  await until(() => pathAt(subsystem, 0).state === 'reconnecting');
  all.targets[0].rejection = undefined;
  await until(() => subsystem.pathsOf(namespace).length === 2);
  expect(await sentOver()).toEqual(inUse());
});

describe('a preferred path', () => {
  it('is rejected beside one that prefer() has chosen since', async () => {
    const subsystem = await all.env.attachSubsystem([all.ids[0]]);
    subsystem.prefer(pathAt(subsystem, 0));
    expect(() => subsystem.addPath({ id: all.ids[1], preferred: true })).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_CONFLICTING_OPTIONS' }),
    );
    expect(subsystem.paths).toHaveLength(1);
  });

  it('is added where prefer() has chosen none since', async () => {
    const subsystem = await all.env.attachSubsystem([{ id: all.ids[0], preferred: true }]);
    subsystem.prefer(undefined);
    const added = subsystem.addPath({ id: all.ids[1], preferred: true });
    await until(() => subsystem.pathsOf(only(subsystem))[0] === added);
  });
});

describe('a command that must not be sent twice goes over another path', () => {
  it('when the program has just detached the controller of the first one', async () => {
    const subsystem = await attachBoth(all);
    const namespace = only(subsystem);
    const detaching = subsystem.pathsOf(namespace)[0]?.controller?.detach();
    await namespace.compareAndWrite(block(0), block(1), { offset: 0 });
    expect(all.disk.data[0]).toBe(1);
    await detaching;
  });

  it('when it waited for room in the queue of one that is removed, and was not sent', async () => {
    const subsystem = await attachBoth(all, { queueDepth: 2 });
    const namespace = only(subsystem);
    const [used] = subsystem.pathsOf(namespace);
    const target = all.targets[subsystem.paths.indexOf(used as SubsystemPath) as 0 | 1];
    target.silent = true;
    const reads = Array.from({ length: 4 }, () => namespace.read(block(0), { offset: 0 }));
    const fused = namespace.compareAndWrite(block(0), block(1), { offset: 512 });
    await sleep(5);
    await subsystem.removePath(used as SubsystemPath, { drainMs: 1 });
    await Promise.all([fused, ...reads]);
    expect(all.disk.data[512]).toBe(1);
  });
});
