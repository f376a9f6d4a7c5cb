import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Controller, Namespace } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { predecessors } from '../../lib/testing/life.js';
import { pollings } from '../integration/support/each-polling.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

const read = (path: string) => readFileSync(new URL(`../../native/core/${path}`, import.meta.url), 'utf8');

describe('the addon in memory behaves as native code', () => {
  it('with what states may follow each other', () => {
    const source = read('controller/controller_state.cc').replace(/\/\/.*/g, '');
    const rules = source.slice(source.indexOf('bool can_follow'));
    const states = Object.keys(predecessors);
    const allowed = Object.fromEntries(
      states.map((state) => {
        const [, rule = ''] = new RegExp(`case State::${state}:([^;]*);`).exec(rules) ?? [];
        const named = (comparison: string) =>
          [...rule.matchAll(new RegExp(`from ${comparison} State::(\\w+)`, 'g'))].map(([, name]) => name);
        const others = states.filter((from) => !named('!=').includes(from));
        return [state, rule.includes('!=') ? others : named('==')];
      }),
    );
    const sorted = (lists: object) =>
      Object.fromEntries(Object.entries(lists).map(([state, froms]) => [state, [...froms].sort()]));
    expect(sorted(allowed)).toEqual(sorted(predecessors));
  });
});

describe('a controller in memory', () => {
  let fixture: Fixture;
  afterEach(async () => {
    await fixture.env.close();
    expect(fixture.addon.violations.list).toEqual([]);
    expect(fixture.addon.environments.flatMap(({ memory }) => memory.pinned)).toEqual([]);
    await vi.waitFor(() => expect(fixture.addon.scheduler.pending).toBe(0));
    useAddon(undefined);
  });

  async function disk(options?: Parameters<Fixture['attach']>[1]): Promise<[Controller, Namespace]> {
    fixture = await makeFixture();
    fixture.disk('a');
    const controller = await fixture.attach('a', options);
    return [controller, controller.namespaces[0] as Namespace];
  }

  it('does not let the memory of a buffer be moved to another thread', async () => {
    await disk();
    using buffer = fixture.env.allocate(512);
    const memory = buffer.buffer as ArrayBuffer &
      Record<'transfer' | 'transferToFixedLength' | 'transferToImmutable', () => ArrayBuffer>;
    for (const move of ['transfer', 'transferToFixedLength', 'transferToImmutable'] as const)
      expect(() => memory[move]()).toThrow(expect.objectContaining({ code: 'ERR_SPDK_INVALID_BUFFER' }));
    expect(buffer.length).toBe(512);
  });

  it('reads into a buffer itself, also if it inherits from one of allocate()', async () => {
    const [, ns] = await disk();
    await ns.write(Buffer.alloc(512, 7), { offset: 0 });
    using buffer = fixture.env.allocate(512);
    const heir = Object.setPrototypeOf(new Uint8Array(512), buffer) as Uint8Array;
    await ns.read(heir, { offset: 0 });
    expect(Reflect.get(heir, 511)).toBe(7);
    expect(buffer[511]).toBe(0);
    // A part of one begins elsewhere in its memory.
    expect(await ns.read(buffer.subarray(0), { offset: 0 })).toEqual(Buffer.alloc(512, 7));
    expect(await buffer).toBe(buffer);
  });

  it.each(pollings)('reads what was written, polled by %s', async (polling) => {
    const [controller, ns] = await disk({ polling, queueDepth: 4 });
    const writes = Array.from({ length: 20 }, (_, i) =>
      ns.write(Buffer.alloc(1024, i + 1), { offset: i * 1024 }),
    );
    await Promise.all(writes);
    for (let i = 0; i < 20; i++) {
      expect(await ns.read(Buffer.alloc(1024), { offset: i * 1024 })).toEqual(Buffer.alloc(1024, i + 1));
    }
    const dma = [fixture.env.allocate(512), fixture.env.allocate(512)];
    await ns.readv(dma, { offset: 512 });
    expect(dma.map((buffer) => buffer[511])).toEqual([1, 2]);
    await ns.writeZeroes({ offset: 0, length: 512 });
    await ns.compare(Buffer.alloc(512), { offset: 0 });
    await expect(ns.compare(Buffer.alloc(512), { offset: 512 })).rejects.toThrow('Compare Failure');
    for (const buffer of dma) buffer.release();
    const stats = controller.stats();
    expect(stats).toMatchObject({ pending: 0, outstanding: 0, failed: 1 });
    expect(stats).toMatchObject({ reads: 21, bytesRead: 21 * 1024, writes: 20, bytesWritten: 20 * 1024 });
    expect(stats.latency).toMatchObject({ count: 44, p50Us: expect.any(Number) });
  });

  it('completes admin commands', async () => {
    const [controller] = await disk();
    expect((await controller.admin.identify()).toString('latin1', 4, 10)).toBe('MEMORY');
    await controller.admin.setFeature(0x0b, 7);
    expect(await controller.admin.getFeature(0x0b)).toBe(7);
    expect(await controller.admin.logPage(2, 512)).toHaveLength(512);
    await expect(controller.admin.send({ opcode: 0xc0 })).rejects.toMatchObject({
      code: 'ERR_SPDK_IO_FAILED',
    });
  });

  it('is rejected by a target that lacks its subsystem, as by real targets, also when it reconnects', async () => {
    const rejected = {
      code: 'ERR_SPDK_CONNECT_REJECTED',
      nvmeStatus: { sct: 1, sc: 0x82, name: 'Connect Invalid Parameters', dnr: true },
    };
    const [controller] = await disk({
      ctrlrLossTimeoutMs: 5_000,
      reconnectDelayMs: 10,
      stopOnRejection: true,
    });
    await expect(fixture.attach('b')).rejects.toMatchObject(rejected);
    fixture.target.removeSubsystem(controller.transportId.subnqn ?? '');
    const failed = new Promise((resolve) => controller.once('failed', resolve));
    fixture.target.dropLinks();
    expect(await failed).toMatchObject(rejected);
  });

  it('keeps I/O over a reset, and ends it when it fails for good', async () => {
    const [controller, ns] = await disk({ ctrlrLossTimeoutMs: 300, reconnectDelayMs: 50 });
    fixture.target.latencyMs = 20;
    const write = ns.write(Buffer.alloc(512, 9), { offset: 0 });
    fixture.target.dropLinks();
    await write;
    expect((await ns.read(Buffer.alloc(512), { offset: 0 }))[0]).toBe(9);

    fixture.target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
    const lost = new Promise((resolve) => controller.once('failed', resolve));
    const sent = ns.write(Buffer.alloc(512, 9), { offset: 0 });
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    fixture.target.dropLinks();
    await expect(sent).rejects.toMatchObject({
      code: 'ERR_SPDK_CONTROLLER_FAILED',
      message:
        'Writing 512 bytes at 0 did not complete: its connection ended, and the controller may or may not have carried it out',
    });
    await lost;
    expect(controller.state).toBe('failed');
    fixture.target.rejection = undefined;
    expect(await controller.reset()).toMatchObject({ attempts: 1 });
    await ns.flush();
  });

  it('sends what was meant for one disk to no other with its id', async () => {
    const [controller, ns] = await disk({
      ctrlrLossTimeoutMs: 1000,
      reconnectDelayMs: 10,
      queueDepth: 4,
      ioQueues: 2,
    });
    fixture.target.latencyMs = 20;
    const subsystem = fixture.target.subsystems.get('nqn.2026-01.io.spdk:a');
    const batch = controller.queuePairs[1]?.openBatch();
    const dma = fixture.env.allocate(512).fill(9);
    for (let tag = 0; tag < 4; tag++) batch?.write(ns, dma, 0, tag * 512, 512, tag);
    batch?.submit();
    const [queuePair] = controller.queuePairs;
    const writes = Array.from({ length: 20 }, (_, i) =>
      ns.write(Buffer.alloc(512, 9), { offset: i * 512, queuePair }).catch(({ code }) => code),
    );
    // Wait until the writes are sent. No timer ends them, however busy the machine is.
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    // The next connection is to a disk of the same shape.
    fixture.target.dropLinks();
    const other = subsystem?.addNamespace(1, { blocks: 64 });
    expect(await Promise.all(writes)).toEqual(new Array(20).fill('ERR_SPDK_NAMESPACE_GONE'));
    expect(await batch?.wait()).toBe(4);
    for (const i of [0, 1, 2, 3]) expect(batch?.error(i)?.code).toBe('ERR_SPDK_NAMESPACE_GONE');
    batch?.close();
    dma.release();
    expect(other?.data.every((byte) => byte === 0)).toBe(true);
    // The end of an operation and the news of the namespaces come on ways of their own.
    await expect.poll(() => controller.namespaces[0]).not.toBe(ns);
    const [fresh] = controller.namespaces;
    await fresh?.write(Buffer.alloc(512, 7), { offset: 0, queuePair });
    expect(other?.data[0]).toBe(7);
  });

  it('knows what was meant for a subsystem that was removed and made again', async () => {
    const [controller, ns] = await disk({ ctrlrLossTimeoutMs: 5_000, reconnectDelayMs: 10 });
    fixture.target.latencyMs = 20;
    const write = ns.write(Buffer.alloc(512), { offset: 0 });
    fixture.target.removeSubsystem('nqn.2026-01.io.spdk:a');
    fixture.target.dropLinks();
    await once(controller, 'reconnectFailed');
    fixture.target.addSubsystem('nqn.2026-01.io.spdk:a').addNamespace(1, { blocks: 64 });
    await expect(write).rejects.toMatchObject({ code: 'ERR_SPDK_NAMESPACE_GONE' });
  });

  it('says that a command for a removed namespace is not to be sent again, as real targets do', async () => {
    const [, ns] = await disk();
    fixture.target.latencyMs = 20;
    const write = ns.write(Buffer.alloc(512), { offset: 0 });
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    fixture.target.subsystems.get('nqn.2026-01.io.spdk:a')?.removeNamespace(1);
    await expect(write).rejects.toMatchObject({
      code: 'ERR_SPDK_IO_FAILED',
      nvmeStatus: { sct: 0, sc: 0x0b, dnr: true },
    });
  });

  it('reports changes of its namespaces', async () => {
    const [controller, ns] = await disk();
    const changed = new Promise((resolve) => controller.once('namespaces', resolve));
    const subsystem = fixture.target.subsystems.get('nqn.2026-01.io.spdk:a');
    subsystem?.resizeNamespace(1, 32);
    await changed;
    expect(controller.namespaces[0]?.blocks).toBe(32);
    await expect(ns.flush()).rejects.toMatchObject({ code: 'ERR_SPDK_NAMESPACE_GONE' });
  });

  it('detaches with operations outstanding, and while its target is silent', async () => {
    const [controller, ns] = await disk({ queueDepth: 4, keepAliveMs: 0 });
    fixture.target.silent = true;
    const reads = [1, 2, 3].map(() => ns.read(Buffer.alloc(512), { offset: 0 }));
    const outcomes = Promise.allSettled(reads);
    expect(await controller.detach({ drainMs: 20, timeoutMs: 1_500 })).toMatchObject({
      completed: 0,
      aborted: 3,
    });
    for (const { status } of await outcomes) expect(status).toBe('rejected');
  });

  it('says that the connection of a command ended, which the controller may have carried out', async () => {
    const [controller, ns] = await disk();
    fixture.target.silent = true;
    const write = ns.write(Buffer.alloc(512), { offset: 0 });
    const feature = controller.admin.getFeature(0x0b);
    // Both are sent in later turns of the event loop.
    await sleep(20);
    fixture.target.dropLinks();
    await expect(write).rejects.toMatchObject({
      message:
        'Writing 512 bytes at 0 failed: Command Aborted due to SQ Deletion: its connection ended, and the controller may or may not have carried it out',
    });
    await expect(feature).rejects.toThrow(/connection ended before the controller completed/);
    fixture.target.silent = false;
  });

  it('fails when a Keep Alive gets no response', async () => {
    const [controller] = await disk({ keepAliveMs: 1_000 });
    fixture.target.silent = true;
    await new Promise((resolve) => controller.once('failed', resolve));
  });

  it('is wedged by a call that does not return, and ends when it does', async () => {
    const [controller] = await disk();
    const [native] = fixture.addon.environments[0]?.controllers ?? [];
    if (!native) throw new Error('there is no controller');
    native.stuck = true;
    await expect(controller.detach({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'ERR_SPDK_WEDGED' });
    expect(controller.state).toBe('wedged');
    const detached = new Promise((resolve) => controller.once('detached', resolve));
    native.stuck = false;
    await detached;
  });

  it.each(pollings)('leaves nothing that keeps the process alive, polled by %s', async (polling) => {
    // What is there before is the test runner's.
    const before = process.getActiveResourcesInfo();
    const [controller, ns] = await disk({
      polling,
      queueDepth: 2,
      ctrlrLossTimeoutMs: 200,
      reconnectDelayMs: 20,
    });
    fixture.target.latencyMs = 30;
    const { signal } = new AbortController();
    // Some time out; the timer of the last, if it were left, would stay for the whole of this test.
    const reads = [20, 40, 60, 80, 60_000].map((timeoutMs) =>
      ns.read(Buffer.alloc(512), { offset: 0, timeoutMs, signal }),
    );
    await Promise.allSettled([...reads, controller.admin.identify(), controller.reset()]);
    await fixture.env.close();
    // The test runner has timers of its own, which come and go.
    const left = () => process.getActiveResourcesInfo();
    for (let turn = 0; turn < 100 && left().length > before.length; turn++) await sleep(20);
    expect(left().length, left().join(' ')).toBeLessThanOrEqual(before.length);
  });
});
