// Which controllers are those of one subsystem, when a target that was restarted says something else of itself.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SubsystemPath } from '../../lib/index.js';
import { attachBoth, block, codeOf, only, pathAt, takeDown, twoPaths, until } from './memory/two-paths.js';

const all = twoPaths();

describe('a target that was restarted, and has another serial number', () => {
  // Linux's target makes one up for each start, unless it is configured.
  const restart = (i: 0 | 1) => {
    all.sides[i].serial = 'RESTARTED';
    all.targets[i].rejection = undefined;
  };

  it('is used again when both paths have been lost', async () => {
    const subsystem = await attachBoth(all);
    const namespace = only(subsystem);
    for (const target of all.targets) takeDown(target);
    await until(() => subsystem.paths.every(({ state }) => state === 'reconnecting'));
    const writing = namespace.write(block(4), { offset: 0 });
    for (const i of [0, 1] as const) restart(i);
    await writing;
    await until(() => subsystem.pathsOf(namespace).length === 2);
    expect(all.disk.data[0]).toBe(4);
  });

  it('is used again once the other path, which has not noticed it yet, is lost too', async () => {
    const subsystem = await attachBoth(all);
    const [first, second] = [pathAt(subsystem, 0), pathAt(subsystem, 1)];
    takeDown(all.targets[0]);
    await until(() => first.state === 'reconnecting');
    restart(0);
    await until(() => first.error?.code === 'ERR_SPDK_FOREIGN_PATH');
    expect([first.state, second.state]).toEqual(['reconnecting', 'up']);
    takeDown(all.targets[1]);
    await until(() => first.state === 'up');
    restart(1);
    await until(() => subsystem.pathsOf(only(subsystem)).length === 2);
  });

  it('is named with what it says of itself, of which nothing steers a terminal or a log', async () => {
    const subsystem = await attachBoth(all);
    const first = pathAt(subsystem, 0);
    takeDown(all.targets[0]);
    await until(() => first.state === 'reconnecting');
    restart(0);
    all.sides[0].serial = 'A\x1b[31m\nB';
    await until(() => first.error?.code === 'ERR_SPDK_FOREIGN_PATH');
    expect(first.error?.message).toContain('serial number "A\\u001b[31m\\nB"');
    expect(subsystem.history.every(({ text }) => !/\p{Cc}/u.test(text))).toBe(true);
  });

  it('fails in the end if the other path stays what it is', async () => {
    const subsystem = await attachBoth(all, { ctrlrLossTimeoutMs: 700 });
    const first = pathAt(subsystem, 0);
    takeDown(all.targets[0]);
    await until(() => first.state === 'reconnecting');
    restart(0);
    await until(() => first.state === 'failed');
    expect(first.error?.code).toBe('ERR_SPDK_FOREIGN_PATH');
    await until(() => all.env.controllers.length === 1);
    expect(await codeOf(only(subsystem).flush())).toBe('ok');
    await sleep(20);
  });
});

describe('a disk that takes the place of another one under its id', () => {
  const replace = () => {
    for (const side of all.sides) side.removeNamespace(1);
    const other = all.sides[0].addNamespace(1, { blocks: 64 });
    all.sides[1].shareNamespace(other);
    return other;
  };

  /** The second path is lost, and comes back with this other disk. */
  const returnsWithAnotherDisk = async (second: SubsystemPath) => {
    takeDown(all.targets[1]);
    await until(() => second.state === 'reconnecting');
    all.sides[1].removeNamespace(1);
    const other = all.sides[1].addNamespace(1, { blocks: 64 });
    all.targets[1].rejection = undefined;
    await until(() => second.state === 'up');
    return other;
  };

  it('while a path is lost, is used over the other one', async () => {
    const subsystem = await attachBoth(all);
    const before = only(subsystem);
    takeDown(all.targets[1]);
    await until(() => pathAt(subsystem, 1).state === 'reconnecting');
    const other = replace();
    await until(() => only(subsystem).uuid === other.uuid);
    await only(subsystem).write(block(5), { offset: 0 });
    expect([other.data[0], all.disk.data[0]]).toEqual([5, 0]);
    expect(await codeOf(before.flush())).toBe('ERR_SPDK_NAMESPACE_GONE');
    all.targets[1].rejection = undefined;
    await until(() => subsystem.pathsOf(only(subsystem)).length === 2);
  });

  it('while both are lost, is used over the first one that is back', async () => {
    const subsystem = await attachBoth(all);
    const before = only(subsystem);
    for (const target of all.targets) takeDown(target);
    await until(() => subsystem.paths.every(({ state }) => state === 'reconnecting'));
    const waiting = codeOf(before.flush());
    const other = replace();
    all.targets[1].rejection = undefined;
    await until(() => only(subsystem).uuid === other.uuid);
    expect(await waiting).toBe('ERR_SPDK_NAMESPACE_GONE');
    await only(subsystem).flush();
  });

  it('is still not used if it was there on one path only before the other one was lost', async () => {
    all.sides[1].removeNamespace(1);
    const other = all.sides[1].addNamespace(1, { blocks: 64 });
    all.targets[1].connectMs = 20;
    const subsystem = await attachBoth(all);
    const namespace = only(subsystem);
    expect(namespace.uuid).toBe(all.disk.uuid);
    takeDown(all.targets[0]);
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    const writing = namespace.write(block(6), { offset: 0 });
    await sleep(20);
    all.targets[0].rejection = undefined;
    await writing;
    expect([all.disk.data[0], other.data[0]]).toEqual([6, 0]);
    expect(subsystem.namespaces).toEqual([namespace]);
  });

  it('on one path while the other one is up, is a new object once that has failed for good', async () => {
    const subsystem = await attachBoth(all, { ctrlrLossTimeoutMs: 300 });
    const before = only(subsystem);
    const [first, second] = [pathAt(subsystem, 0), pathAt(subsystem, 1)];
    const other = await returnsWithAnotherDisk(second);
    await before.write(block(1), { offset: 0 });
    expect(subsystem.pathsOf(before)).toEqual([first]);

    takeDown(all.targets[0]);
    await until(() => first.state === 'reconnecting');
    const waiting = codeOf(before.write(block(2), { offset: 0 }));
    expect(subsystem.namespaces).toEqual([before]);
    const [listed] = await once(subsystem, 'namespaces');
    expect(first.state).toBe('failed');
    expect(await waiting).toBe('ERR_SPDK_NAMESPACE_GONE');
    expect(await codeOf(before.flush())).toBe('ERR_SPDK_NAMESPACE_GONE');
    expect(listed).toEqual(subsystem.namespaces);
    const after = only(subsystem);
    expect([after === before, after.uuid, subsystem.pathsOf(after)]).toEqual([false, other.uuid, [second]]);
    await after.write(block(3), { offset: 0 });
    expect([all.disk.data[0], other.data[0]]).toEqual([1, 3]);

    // Neither the old disk nor a third one takes its place again.
    all.sides[0].removeNamespace(1);
    const third = all.sides[0].addNamespace(1, { blocks: 64 });
    all.targets[0].rejection = undefined;
    await first.controller?.reset();
    await until(() => first.state === 'up');
    await after.write(block(4), { offset: 0 });
    expect(subsystem.namespaces).toEqual([after]);
    expect([other.data[0], third.data[0]]).toEqual([4, 0]);
  });

  it('on one path while another one has an old size of it, is not used', async () => {
    const subsystem = await attachBoth(all);
    const [first, second] = [pathAt(subsystem, 0), pathAt(subsystem, 1)];
    // The second path describes the disk last, with another size: the first one is not used.
    all.sides[1].removeNamespace(1);
    all.sides[1].addNamespace(1, { blocks: 128, uuid: all.disk.uuid });
    await until(() => only(subsystem).blocks === 128);
    const namespace = only(subsystem);
    const other = await returnsWithAnotherDisk(second);
    expect(first.state).toBe('up');
    expect(namespace.uuid).toBe(all.disk.uuid);
    expect(only(subsystem).uuid).toBe(all.disk.uuid);
    await only(subsystem).write(block(5), { offset: 0 });
    expect([all.disk.data[0], other.data[0]]).toEqual([5, 0]);
  });

  it('while its only path is lost, is another one also where neither has identifiers', async () => {
    const add = () => all.sides[0].addNamespace(2, { blocks: 64, uuid: '' });
    const old = add();
    const subsystem = await attachBoth(all);
    const before = subsystem.namespaces.find(({ id }) => id === 2);
    await before?.write(block(7), { offset: 0 });
    takeDown(all.targets[0]);
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    const waiting = codeOf(before?.write(block(8), { offset: 0 }) ?? Promise.resolve());
    all.sides[0].removeNamespace(2);
    const other = add();
    all.targets[0].rejection = undefined;
    expect(await waiting).toBe('ERR_SPDK_NAMESPACE_GONE');
    await until(() => subsystem.namespaces.some((one) => one.id === 2 && one !== before));
    expect([old.data[0], other.data[0]]).toEqual([7, 0]);
  });
});
