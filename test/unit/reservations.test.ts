// Reservations of a namespace in memory, which two hosts share.

import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Controller, Namespace } from '../../lib/index.js';
import { decodeNotification, decodeReport } from '../../lib/nvme/reservations.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();
let controllers: Controller[];
let one: Namespace;
let other: Namespace;

beforeEach(async () => {
  controllers = await Promise.all(
    ['a', 'b'].map((host) =>
      disk.env.attach(disk.subsystem.id, {
        hostNqn: `nqn.2026-11.dev.spdk-nvme:${host}`,
        ctrlrLossTimeoutMs: 1_000,
      }),
    ),
  );
  [one, other] = controllers.map(({ namespaces }) => namespaces[0]) as [Namespace, Namespace];
});

const conflict = { code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 0, sc: 0x83 } };
const block = Buffer.alloc(512, 'x');
const at = { offset: 0 };

describe('a reservation', () => {
  it.each([
    ['write-exclusive', true, false, true, false],
    ['exclusive-access', false, false, false, false],
    ['write-exclusive-registrants-only', true, false, true, true],
    ['exclusive-access-registrants-only', false, false, true, true],
    ['write-exclusive-all-registrants', true, false, true, true],
    ['exclusive-access-all-registrants', false, false, true, true],
  ] as const)('%s', async (type, reads, writes, registeredReads, registeredWrites) => {
    await one.reservations.register(1n);
    await one.reservations.acquire(1n, type);
    const may = (send: () => Promise<unknown>) =>
      send().then(
        () => true,
        () => false,
      );
    const access = async () => [
      await may(() => other.read(Buffer.alloc(512), at)),
      await may(() => other.write(block, at)),
    ];
    expect(await access()).toEqual([reads, writes]);
    await other.reservations.register(2n);
    expect(await access()).toEqual([registeredReads, registeredWrites]);
    await one.write(block, at);
    expect((await one.reservations.report()).type).toBe(type);
    await one.reservations.release(1n, type);
    expect(await access()).toEqual([true, true]);
  });

  it('is reported with all hosts, however many', async () => {
    await one.reservations.register(5n);
    const hosts = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        disk.env.attach(disk.subsystem.id, { hostNqn: `nqn.2026-11.dev.spdk-nvme:h${i}` }),
      ),
    );
    for (const [i, host] of hosts.entries()) await host.namespaces[0]?.reservations.register(BigInt(100 + i));
    const { registrants, generation } = await one.reservations.report();
    expect(registrants).toHaveLength(21);
    expect(generation).toBe(21);
    expect(registrants[0]).toMatchObject({ key: 5n, hostId: controllers[0]?.hostId, holder: false });
    // A second command reads all of them, within the same time limit.
    disk.target.latencyMs = 200;
    const late = one.reservations.report({ timeoutMs: 300 });
    await expect(late).rejects.toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
    await expect(one.reservations.report({ timeoutMs: 1.5 })).rejects.toMatchObject({
      code: 'ERR_SPDK_INVALID_ARG_VALUE',
    });
  });

  it('fences the host that it is taken from, and stays over a reset', async () => {
    await one.reservations.register(1n);
    await one.reservations.acquire(1n, 'write-exclusive');
    await other.reservations.register(2n);
    await other.reservations.acquire(2n, 'write-exclusive', { preempt: 1n, abort: true });
    await controllers[1]?.reset();
    await expect(one.write(block, at)).rejects.toMatchObject(conflict);
    await other.write(block, at);
    expect(disk.subsystem.namespaces.get(1)?.reservations.type).toBe('write-exclusive');
  });

  it('notifies other hosts: of a lost registration, a shared reservation that ends, and clear()', async () => {
    const heard = controllers.map((controller) => {
      const kinds: string[] = [];
      controller.on('reservation', ({ kind, count, left, nsid }) =>
        kinds.push(`${count} ${kind} of ${nsid}, ${left} left`),
      );
      return kinds;
    });
    const shared = 'write-exclusive-registrants-only';
    await one.reservations.register(1n);
    await one.reservations.acquire(1n, shared);
    await other.reservations.register(2n);
    await other.reservations.acquire(2n, shared, { preempt: 1n });
    await vi.waitFor(() => expect(heard[0]).toEqual(['1 registration-preempted of 1, 0 left']));
    await one.reservations.register(1n);
    await other.reservations.release(2n, shared);
    await vi.waitFor(() => expect(heard[0]?.[1]).toBe('2 reservation-released of 1, 0 left'));
    await one.reservations.clear(1n);
    await vi.waitFor(() => expect(heard[1]).toEqual(['1 reservation-preempted of 1, 0 left']));
    expect(heard[0]).toHaveLength(2);
  });

  it('has one reading of notifications at a time, however many events a controller sends', async () => {
    const [controller] = controllers as [Controller, ...Controller[]];
    const read = vi.spyOn(controller.admin, 'logPage');
    // Each reading finds one that says that more are left.
    const full = Buffer.alloc(64);
    full[8] = 2;
    full[9] = 255;
    const turns: ((page: Buffer) => void)[] = [];
    read.mockImplementation(() => new Promise((resolve) => turns.push(resolve)));
    for (let event = 0; event < 100; event++) controller.onReservationsChanged();
    await vi.waitFor(() => expect(read).toHaveBeenCalledTimes(1));
    for (let i = 0; i < 5; i++) {
      turns.shift()?.(full);
      await vi.waitFor(() => expect(turns).toHaveLength(1));
    }
    // Once more for the events since it began, and not for each.
    turns.shift()?.(Buffer.alloc(64));
    await vi.waitFor(() => expect(turns).toHaveLength(1));
    turns.shift()?.(Buffer.alloc(64));
    await new Promise(setImmediate);
    expect(read).toHaveBeenCalledTimes(7);
  });

  it('of all registrants ends with the last of them, and with another type by one of them', async () => {
    const all = 'exclusive-access-all-registrants';
    await one.reservations.register(1n);
    await one.reservations.acquire(1n, all);
    await other.reservations.register(2n);
    await one.reservations.unregister(1n);
    expect((await other.reservations.report()).type).toBe(all);
    const unknown = other.reservations.acquire(2n, all, { preempt: 7n });
    await expect(unknown).rejects.toMatchObject(conflict);
    await other.reservations.unregister(2n);
    expect((await other.reservations.report()).type).toBeUndefined();
  });

  it('is left as it is by one who only ends the registration of another', async () => {
    await one.reservations.register(1n);
    await other.reservations.register(2n);
    await one.reservations.acquire(1n, 'write-exclusive');
    await one.reservations.acquire(1n, 'exclusive-access', { preempt: 2n });
    const { type, registrants } = await one.reservations.report();
    expect([type, registrants.length]).toEqual(['write-exclusive', 1]);
  });

  it('ends with the registration of its holder, and by clear()', async () => {
    await one.reservations.register(1n);
    await one.reservations.acquire(1n, 'exclusive-access');
    await one.reservations.unregister(1n);
    await other.write(block, at);
    await other.reservations.register(2n);
    await other.reservations.replaceKey(2n, 3n);
    await other.reservations.acquire(3n, 'exclusive-access');
    await other.reservations.clear(3n);
    await one.write(block, at);
    expect((await one.reservations.report()).registrants).toEqual([]);
  });

  it('is not asked for twice when a connection ends', async () => {
    // Longer than this thread may be held up until the links break.
    disk.target.latencyMs = 500;
    const registering = one.reservations.register(1n);
    setTimeout(() => disk.target.dropLinks(), 10);
    await expect(registering).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
    disk.target.latencyMs = 0;
    expect((await one.reservations.report()).registrants).toEqual([]);
  });

  it('rejects wrong keys and options at once', async () => {
    const { reservations } = one;
    const wrong: [() => Promise<unknown>, string][] = [
      [() => reservations.register(0n), 'ERR_SPDK_INVALID_ARG_VALUE'],
      [() => reservations.register(2n ** 64n), 'ERR_SPDK_INVALID_ARG_VALUE'],
      [() => reservations.register(1 as never), 'ERR_SPDK_INVALID_ARG_TYPE'],
      [() => reservations.register(1n, { persistent: 1 } as never), 'ERR_SPDK_INVALID_ARG_TYPE'],
      [() => reservations.register(1n, { persist: true } as never), 'ERR_SPDK_UNKNOWN_OPTION'],
      [() => reservations.acquire(1n, 'all' as never), 'ERR_SPDK_INVALID_ARG_VALUE'],
      [() => reservations.acquire(1n, 'write-exclusive', { preempt: 0n }), 'ERR_SPDK_INVALID_ARG_VALUE'],
      [() => reservations.replaceKey(1n, 0n), 'ERR_SPDK_INVALID_ARG_VALUE'],
      [() => reservations.release(1n, undefined as never), 'ERR_SPDK_INVALID_ARG_TYPE'],
    ];
    for (const [call, code] of wrong) await expect(call()).rejects.toMatchObject({ code });
    await expect(reservations.acquire(1n, 'write-exclusive')).rejects.toMatchObject(conflict);
    expect((await reservations.report()).registrants).toEqual([]);
  });

  it('takes raw commands as a controller does: not without data, and with no key of 0', async () => {
    const keys = (current: bigint, fresh: bigint) => {
      const data = Buffer.alloc(16);
      data.writeBigUInt64LE(current, 0);
      data.writeBigUInt64LE(fresh, 8);
      return data;
    };
    const send = (opcode: number, cdw10: number, data?: Buffer) =>
      one.raw({ opcode, cdw: [cdw10], ...(data && { data }) }).then(
        () => 'ok',
        ({ nvmeStatus }) => nvmeStatus?.sc,
      );
    const invalidField = 0x02;
    for (const opcode of [0x0d, 0x0e, 0x11, 0x15]) expect(await send(opcode, 0)).toBe(invalidField);
    expect(await send(0x0d, 0, Buffer.alloc(8))).toBe(invalidField);
    expect(await send(0x0d, 0, keys(0n, 0n))).toBe(invalidField);
    expect((await one.reservations.report()).registrants).toEqual([]);
    // Unregister, and then replace, a key that there is none of; then without a look at it (IEKEY).
    expect(await send(0x0d, 1, keys(0n, 0n))).toBe(conflict.nvmeStatus.sc);
    expect(await send(0x0d, 2, keys(0n, 5n))).toBe(conflict.nvmeStatus.sc);
    expect(await send(0x0d, 2 | 8, keys(0n, 5n))).toBe('ok');
    expect(await send(0x0d, 2 | 8, keys(9n, 0n))).toBe(invalidField);
    expect((await one.reservations.report()).registrants).toMatchObject([{ key: 5n }]);
    expect(await send(0x0d, 1 | 8, keys(9n, 0n))).toBe('ok');
    expect((await one.reservations.report()).registrants).toEqual([]);
  });
});

it('a registrant that is counted and not described is none', () => {
  // As SPDK v20.07 reports one host with two controllers.
  const report = Buffer.alloc(64 * 4);
  report.writeUInt16LE(2, 5);
  report.writeUInt16LE(0xffff, 64);
  report.writeBigUInt64LE(7n, 64 + 8);
  report.fill(0xab, 64 + 16, 64 + 32);
  const hostId = 'abababab-abab-abab-abab-abababababab';
  expect(decodeReport(report).registrants).toEqual([{ cntlid: 0xffff, holder: false, hostId, key: 7n }]);
});

it('a notification is decoded', () => {
  const page = Buffer.alloc(64);
  expect(decodeNotification(page)).toBeUndefined();
  page.writeBigUInt64LE(7n, 0);
  page.writeUInt8(3, 8);
  page.writeUInt8(2, 9);
  page.writeUInt32LE(5, 12);
  expect(decodeNotification(page)).toEqual({ count: 7n, kind: 'reservation-preempted', left: 2, nsid: 5 });
});
