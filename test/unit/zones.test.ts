// Zoned namespaces against one in memory.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Namespace, type SpdkError, type Zone } from '../../lib/index.js';
import { Ring } from '../../lib/io/ring.js';
import type { MemoryNamespace, MemoryZones } from '../../lib/testing/index.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();
const zoneBytes = 8 * 512;
const block = (text: string, blocks = 1) => Buffer.alloc(512 * blocks, text);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    ({ code }: SpdkError) => code,
  );

afterEach(() => void vi.restoreAllMocks());

let ns: Namespace;
let memory: MemoryZones;

beforeEach(async () => {
  const zones = {
    zoneBlocks: 8,
    capacityBlocks: 6,
    maxOpen: 2,
    maxActive: 3,
    appendShift: 1,
    extensionBytes: 64,
  };
  const added: MemoryNamespace = disk.subsystem.addNamespace(2, { blocks: 64, zones });
  memory = added.zones as MemoryZones;
  const { namespaces } = await disk.env.attach(disk.subsystem.id, { ctrlrLossTimeoutMs: 1_000 });
  ns = namespaces[1] as Namespace;
});

const stateOf = async (zone: number) =>
  (await ns.zones.report({ from: zone * zoneBytes, count: 1 }))[0] as Zone;

describe('a namespace with zones', () => {
  it('says what they are like', async () => {
    expect(await ns.zones.info()).toEqual({
      zoneBytes,
      zones: 8,
      maxOpen: 2,
      maxActive: 3,
      maxAppendBytes: 8192,
      extensionBytes: 64,
      readsAcrossZones: false,
      variableCapacity: false,
    });
  });

  it('reports them in order, from one on, in a state, and in several commands', async () => {
    await ns.zones.append(zoneBytes, block('a'));
    await ns.zones.open(3 * zoneBytes);
    Object.assign(memory.all[5] as object, { state: 'read-only' });
    const zones = await ns.zones.report();
    expect(zones.map(({ state }) => state)).toEqual([
      ...['empty', 'implicitly-open', 'empty', 'explicitly-open', 'empty', 'read-only', 'empty', 'empty'],
    ]);
    expect(zones[1]).toMatchObject({
      offset: zoneBytes,
      capacity: 6 * 512,
      writePointer: zoneBytes + 512,
      type: 'sequential-write-required',
    });
    expect(zones[5]?.writePointer).toBeUndefined();
    expect(
      (await ns.zones.report({ from: 2 * zoneBytes + 1, count: 2 })).map(({ offset }) => offset),
    ).toEqual([2 * zoneBytes, 3 * zoneBytes]);
    expect((await ns.zones.report({ state: 'explicitly-open' })).map(({ offset }) => offset)).toEqual([
      3 * zoneBytes,
    ]);
    // With room for three zones in one command.
    vi.spyOn(Namespace.prototype, 'transferBytes').mockReturnValue(64 * 4);
    const raw = vi.spyOn(Ring.prototype, 'describeRaw');
    expect(await ns.zones.report()).toEqual(zones);
    expect(raw).toHaveBeenCalledTimes(3);
    vi.restoreAllMocks();
  });

  it('appends at the write pointer and says where, many at the same time', async () => {
    const pieces = ['a', 'b', 'c', 'd', 'e', 'f'];
    const places = await Promise.all(pieces.map((text) => ns.zones.append(2 * zoneBytes, block(text))));
    expect([...places].sort((a, b) => a - b)).toEqual(pieces.map((_, i) => 2 * zoneBytes + i * 512));
    for (const [i, offset] of places.entries())
      expect((await ns.read(block(''), { offset })).equals(block(pieces[i] as string))).toBe(true);
    expect((await stateOf(2)).state).toBe('full');
    expect(await codeOf(ns.zones.append(2 * zoneBytes, block('g')))).toBe('ERR_SPDK_ZONE_FULL');
    const [zone] = await ns.zones.report({ from: 3 * zoneBytes });
    expect(await ns.zones.append(zone as Zone, disk.env.allocate(1024), { fua: true })).toBe(3 * zoneBytes);
  });

  it('takes data as it is when it is called, also when it has to ask the controller first', async () => {
    const data = [1, 2, 3].map((value) => Buffer.alloc(512, value)) as [Buffer, Buffer, Buffer];
    const extension = new Uint8Array(64).fill(4);
    // The first two of them ask.
    const appended = [ns.zones.append(0, data[0])];
    const extended = ns.zones.setDescriptorExtension(zoneBytes, extension);
    data[0].fill(9);
    structuredClone(extension, { transfer: [extension.buffer] });
    await Promise.all([...appended, extended]);
    for (const one of data.slice(1)) {
      appended.push(ns.zones.append(0, one));
      one.fill(9);
    }
    const places = await Promise.all(appended);
    const disk = await ns.read(Buffer.alloc(3 * 512), { offset: 0 });
    expect(places.map((offset) => disk[offset])).toEqual([1, 2, 3]);
    expect((await ns.zones.report({ extensions: true }))[1]?.extension).toEqual(Buffer.alloc(64, 4));
  });

  it('has a result of more than 32 bits', async () => {
    await ns.zones.info();
    vi.spyOn(memory, 'pointerOf').mockReturnValue(2 ** 33 + 5);
    vi.spyOn(memory, 'write').mockReturnValue(0);
    const namespace = disk.subsystem.namespaces.get(2) as MemoryNamespace;
    const { byteLength } = namespace.data;
    const data = { byteLength, set: () => {} } as unknown as Uint8Array;
    vi.spyOn(namespace, 'data', 'get').mockReturnValue(data);
    expect(await ns.zones.append(0, block('x'))).toBe((2 ** 33 + 5) * 512);
    vi.restoreAllMocks();
  });

  it('changes their states', async () => {
    const changes: string[] = [];
    const see = async () => changes.push((await stateOf(0)).state);
    await ns.zones.open(0);
    await see();
    await ns.write(block('x'), { offset: 0 });
    await ns.zones.close(0);
    await see();
    await ns.zones.finish(0);
    await see();
    await ns.zones.reset(0);
    await see();
    expect(changes).toEqual(['explicitly-open', 'closed', 'full', 'empty']);
    expect((await ns.read(block('y'), { offset: 0 })).equals(Buffer.alloc(512))).toBe(true);
    Object.assign(memory.all[7] as object, { state: 'read-only' });
    await ns.zones.offline(7 * zoneBytes);
    expect((await stateOf(7)).state).toBe('offline');
    await ns.zones.finish(zoneBytes);
    await ns.zones.append(2 * zoneBytes, block('z'));
    await ns.zones.reset('all');
    expect((await ns.zones.report({ state: 'empty' })).length).toBe(7);
  });

  it('keeps descriptor extensions', async () => {
    await ns.zones.setDescriptorExtension(zoneBytes, Buffer.alloc(64, 'ext'));
    const [, zone] = await ns.zones.report({ extensions: true });
    expect([zone?.state, zone?.extension]).toEqual(['closed', Buffer.alloc(64, 'ext')]);
    expect((await stateOf(1)).extension).toBeUndefined();
    const wrong = ns.zones.setDescriptorExtension(0, Buffer.alloc(63));
    expect(await codeOf(wrong)).toBe('ERR_SPDK_INVALID_BUFFER');
  });

  it('rejects with a code what a zone does not allow', async () => {
    const write = (offset: number, blocks = 1) => codeOf(ns.write(block('x', blocks), { offset }));
    expect(await write(512)).toBe('ERR_SPDK_ZONE_INVALID_WRITE');
    expect(await write(0, 7)).toBe('ERR_SPDK_ZONE_BOUNDARY');
    await ns.zones.finish(0);
    expect(await write(0)).toBe('ERR_SPDK_ZONE_FULL');
    expect(await codeOf(ns.zones.close(0))).toBe('ERR_SPDK_ZONE_INVALID_TRANSITION');
    Object.assign(memory.all[1] as object, { state: 'read-only' });
    expect(await write(zoneBytes)).toBe('ERR_SPDK_ZONE_READ_ONLY');
    Object.assign(memory.all[1] as object, { state: 'offline' });
    expect(await codeOf(ns.read(block(''), { offset: zoneBytes }))).toBe('ERR_SPDK_ZONE_OFFLINE');
    await ns.zones.open(2 * zoneBytes);
    await ns.zones.open(3 * zoneBytes);
    expect(await codeOf(ns.zones.open(4 * zoneBytes))).toBe('ERR_SPDK_TOO_MANY_OPEN_ZONES');
    for (const zone of [2, 3]) {
      await ns.write(block('x'), { offset: zone * zoneBytes });
      await ns.zones.close(zone * zoneBytes);
    }
    await ns.zones.open(4 * zoneBytes);
    expect(await codeOf(ns.zones.open(5 * zoneBytes))).toBe('ERR_SPDK_TOO_MANY_ACTIVE_ZONES');
  });

  it('sends nothing that is wrong', async () => {
    await ns.zones.info();
    const raw = vi.spyOn(Ring.prototype, 'describeRaw');
    const { zones } = ns;
    const { proxy: revoked, revoke } = Proxy.revocable({ offset: 0 }, {});
    revoke();
    for (const [code, wrong] of [
      ['ERR_SPDK_UNALIGNED', () => zones.reset(512)],
      ['ERR_SPDK_OUT_OF_RANGE', () => zones.open(8 * zoneBytes)],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.close('every' as never)],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.finish(undefined as never)],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.offline({} as never)],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.reset(-1)],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.reset(revoked)],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.append('all' as never, block('x'))],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.append(0, 'x' as never)],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.append(0, block('x', 17))],
      ['ERR_SPDK_INVALID_BUFFER', () => zones.append(0, Buffer.alloc(0))],
      ['ERR_SPDK_UNALIGNED', () => zones.append(0, Buffer.alloc(600))],
      ['ERR_SPDK_UNKNOWN_OPTION', () => zones.append(0, block('x'), { offset: 0 } as never)],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.report({ state: 'open' as never })],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.report({ from: 64 * 512 })],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.report({ count: 0 })],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.report({ extensions: 1 as never })],
      ['ERR_SPDK_INVALID_ARG_VALUE', () => zones.reset(0, { timeoutMs: 0 })],
      ['ERR_SPDK_INVALID_ARG_TYPE', () => zones.info({ signal: 1 as never })],
    ] as const) {
      expect([wrong.toString(), await codeOf(wrong())]).toEqual([wrong.toString(), code]);
    }
    expect(raw).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

it('a namespace without zones refuses all of it, and sends nothing', async () => {
  const [plain] = ns.controller.namespaces as [Namespace];
  expect(await plain.zones.info()).toBeUndefined();
  const raw = vi.spyOn(Ring.prototype, 'describeRaw');
  const { zones } = plain;
  const calls = [
    () => zones.report(),
    () => zones.append(0, block('x')),
    () => zones.reset('all'),
    () => zones.setDescriptorExtension(0, block('x')),
  ];
  for (const call of calls) expect(await codeOf(call())).toBe('ERR_SPDK_UNSUPPORTED');
  expect(raw).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

it('over several paths an append is sent once, and a report again', async () => {
  const other = disk.simulation.addTarget({ traddr: '127.0.0.2' }).addSubsystem(disk.subsystem.nqn);
  for (const namespace of disk.subsystem.namespaces.values()) other.shareNamespace(namespace);
  const several = await disk.env.attachSubsystem([disk.subsystem.id, other.id], {
    hostNqn: 'nqn.2026-11.dev.spdk-nvme:second',
    policy: 'active-passive',
  });
  const shared = several.namespaces[1] as (typeof several.namespaces)[1];
  await vi.waitFor(() => expect(several.pathsOf(shared)).toHaveLength(2));
  expect(await shared.zones.info()).toMatchObject({ zones: 8 });
  const lost = async <Value>(begin: () => Promise<Value>): Promise<Value> => {
    disk.target.silent = true;
    const pending = begin();
    pending.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 10));
    disk.target.dropLinks();
    try {
      return await pending;
    } finally {
      disk.target.silent = false;
      await vi.waitFor(() => expect(several.pathsOf(shared)).toHaveLength(2));
    }
  };
  expect(await codeOf(lost(() => shared.zones.append(0, block('x'))))).toBe('ERR_SPDK_IO_FAILED');
  expect(memory.all[0]?.written).toBe(0);
  expect(await lost(() => shared.zones.report())).toHaveLength(8);
  await several.detach();
});

it('over several paths all wait for one, and a report fits all of them', async () => {
  const other = disk.simulation.addTarget({ traddr: '127.0.0.2' }).addSubsystem(disk.subsystem.nqn);
  other.maxTransferBytes = 4096;
  disk.subsystem.addNamespace(3, { blocks: 800, zones: { zoneBlocks: 8, capacityBlocks: 6 } });
  for (const namespace of disk.subsystem.namespaces.values()) other.shareNamespace(namespace);
  const several = await disk.env.attachSubsystem([disk.subsystem.id, other.id], {
    ...{ hostNqn: 'nqn.2026-11.dev.spdk-nvme:second', reconnectDelayMs: 20 },
  });
  const shared = several.namespaces[2] as (typeof several.namespaces)[2];
  await vi.waitFor(() => expect(several.pathsOf(shared)).toHaveLength(2));
  await shared.zones.info();
  const faulty = [disk.target, other.target];
  for (const target of faulty) {
    target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
    target.dropLinks();
  }
  await vi.waitFor(() => expect(several.pathsOf(shared)).toHaveLength(0));
  const waiting = [shared.zones.report(), shared.zones.append(0, block('x'))] as const;
  await vi.waitFor(() => expect(shared.waiting).toBe(2));
  other.target.rejection = undefined;
  const [zones, at] = await Promise.all(waiting);
  expect([zones.length, at]).toEqual([100, 0]);
  await several.detach();
});
