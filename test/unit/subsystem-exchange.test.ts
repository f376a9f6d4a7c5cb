// Paths that are exchanged for others, in the orders in which programs do that, while a program holds a namespace.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { attachBoth, block, codeOf, only, pathAt, twoPaths, until } from './memory/two-paths.js';

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
