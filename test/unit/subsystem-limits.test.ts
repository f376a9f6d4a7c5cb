// Limits that differ between the paths to one namespace.

import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Subsystem } from '../../lib/index.js';
import { Connection } from '../../lib/testing/connection.js';
import { attachBoth, codeOf, only, pathAt, takeDown, twoPaths, until } from './memory/two-paths.js';

const paths = twoPaths();
const to = { offset: 16 * 512 };
const range = (blocks: number) => ({ offset: 0, length: blocks * 512 });
const wide = { ranges: 16, rangeBlocks: 128, blocks: 256 };
const narrow = { ranges: 4, rangeBlocks: 200, blocks: 2 };
const sizes = (
  ...[ioBoundary, writeGranularity, writeAlignment, writeSize, deallocateGranularity]: [
    number,
    number,
    number,
    number,
    number,
  ]
) => ({
  ioBoundary,
  writeGranularity,
  writeAlignment,
  writeSize,
  deallocateGranularity,
  deallocateAlignment: 0,
});

/** The second controller has other limits than the first. */
beforeEach(() => {
  const identify = Connection.prototype.identify;
  vi.spyOn(Connection.prototype, 'identify').mockImplementation(function (this: Connection) {
    const infos = identify.call(this);
    if (this.subsystem !== paths.sides[1])
      return infos.map((info) => ({ ...info, optimal: sizes(131_072, 4_096, 0, 12_288, 512) }));
    return infos.map((info) => ({
      ...info,
      optimal: sizes(98_304, 8_192, 4_096, 8_192, 512),
      supports: { ...info.supports, verify: false },
      copyLimits: narrow,
      compareAndWriteBlocks: 2,
    }));
  });
});
afterEach(() => void vi.restoreAllMocks());

/** Attaches the first path alone, then adds the second. */
async function attachOneByOne(): Promise<Subsystem> {
  const subsystem = await paths.env.attachSubsystem([paths.ids[0]], { reconnectDelayMs: 20 });
  expect(only(subsystem)).toMatchObject({
    supports: { verify: true, copy: true },
    copyLimits: wide,
    compareAndWriteBlocks: 8,
  });
  return subsystem;
}

describe('the limits of a namespace over several paths', () => {
  it('are those that hold on every path, as paths come and go', async () => {
    const subsystem = await attachOneByOne();
    const ns = only(subsystem);
    const lists: unknown[] = [];
    await once(subsystem, 'namespaces');
    subsystem.on('namespaces', (list) => lists.push(list));
    const added = subsystem.addPath(paths.ids[1]);
    await until(() => subsystem.pathsOf(ns).length === 2 || added.state === 'up');
    const common = {
      supports: { verify: false, copy: true, compare: true },
      copyLimits: { ranges: 4, rangeBlocks: 128, blocks: 2 },
      compareAndWriteBlocks: 2,
      optimal: sizes(32_768, 8_192, 4_096, 24_576, 512),
    };
    expect(only(subsystem)).toBe(ns);
    expect(ns).toMatchObject(common);
    expect(JSON.parse(JSON.stringify(ns))).toMatchObject(common);
    await vi.waitFor(() => expect(lists).toEqual([[ns]]));

    const sent = () => subsystem.paths.map((path) => path.stats().sent);
    const before = sent();
    expect(await codeOf(ns.copy(range(3), to))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(await codeOf(ns.verify(range(1)))).toBe('ERR_SPDK_UNSUPPORTED');
    const long = Buffer.alloc(3 * 512);
    expect(await codeOf(ns.compareAndWrite(long, long, to))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(sent()).toEqual(before);
    expect(await codeOf(ns.copy(range(2), to))).toBe('ok');

    await subsystem.removePath(added);
    expect(only(subsystem)).toBe(ns);
    expect(ns).toMatchObject({ supports: { verify: true }, copyLimits: wide, compareAndWriteBlocks: 8 });
    expect(ns.optimal).toEqual(sizes(131_072, 4_096, 0, 12_288, 512));
    expect(await codeOf(ns.copy(range(3), to))).toBe('ok');
  });

  it('stay while a path is lost, and end with its detach', async () => {
    const subsystem = await attachBoth(paths);
    const ns = only(subsystem);
    paths.targets[1].silent = true;
    paths.targets[1].dropLinks();
    await until(() => subsystem.paths[1]?.state === 'reconnecting');
    expect(ns.copyLimits.blocks).toBe(2);
    paths.targets[1].silent = false;
    await until(() => subsystem.paths[1]?.state === 'up');
    expect(ns.copyLimits.blocks).toBe(2);
    await subsystem.paths[1]?.controller?.detach();
    await until(() => subsystem.paths[1]?.state === 'detached');
    expect(ns.copyLimits.blocks).toBe(256);
  });

  it('cannot be changed by the program', async () => {
    const ns = only(await attachBoth(paths));
    expect(Object.isExtensible(ns)).toBe(false);
    for (const [name, { writable }] of Object.entries(Object.getOwnPropertyDescriptors(ns)))
      expect([name, writable]).toEqual([name, false]);
    expect(Object.isFrozen(ns.supports) && Object.isFrozen(ns.copyLimits)).toBe(true);
  });
});

/** A zoned namespace 2, of which one path takes appends of 16 KiB and the other of 8 KiB. */
function addZones(): void {
  const [one, other] = paths.sides;
  const disk = { blocks: 128, uuid: '00000000-0000-4000-8000-0000000000aa' };
  one.addNamespace(2, { ...disk, zones: { zoneBlocks: 64, appendShift: 2 } });
  other.addNamespace(2, { ...disk, zones: { zoneBlocks: 64, appendShift: 1 } });
}

const zonesOf = (subsystem: Subsystem) => (subsystem.namespaces[1] as (typeof subsystem.namespaces)[1]).zones;

it('an append to a zone is as long as every path allows', async () => {
  addZones();
  const subsystem = await paths.env.attachSubsystem([paths.ids[0]], { reconnectDelayMs: 20 });
  const zones = zonesOf(subsystem);
  expect(await zones.info()).toMatchObject({ maxAppendBytes: 16_384 });
  const added = subsystem.addPath(paths.ids[1]);
  await until(() => added.state === 'up');
  expect(await codeOf(zones.append(0, Buffer.alloc(16_384)))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
  expect(await zones.info()).toMatchObject({ maxAppendBytes: 8_192 });
  await subsystem.removePath(added);
  expect(await zones.info()).toMatchObject({ maxAppendBytes: 16_384 });
});

it('an append to a zone is as long as a path allows that was lost when the others were asked', async () => {
  addZones();
  const subsystem = await attachBoth(paths);
  takeDown(paths.targets[1]);
  await until(() => subsystem.paths[1]?.state === 'reconnecting');
  expect(await zonesOf(subsystem).info()).toMatchObject({ maxAppendBytes: 16_384 });
  paths.targets[1].rejection = undefined;
  await until(() => subsystem.paths[1]?.state === 'up');
  expect(await zonesOf(subsystem).info()).toMatchObject({ maxAppendBytes: 8_192 });
});

it('a command for zones waits for a path though no controller can be asked again', async () => {
  addZones();
  const subsystem = await attachBoth(paths);
  const zones = zonesOf(subsystem);
  await zones.info();
  takeDown(paths.targets[1]);
  await until(() => subsystem.paths[1]?.state === 'reconnecting');
  await subsystem.removePath(pathAt(subsystem, 0));
  const opened = codeOf(zones.open(0));
  await until(() => (subsystem.namespaces[1]?.waiting ?? 0) > 0, 1_000);
  paths.targets[1].rejection = undefined;
  expect(await opened).toBe('ok');
});
