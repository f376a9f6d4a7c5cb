// What distinguishes one disk from another: identifiers, their list, and the name that is made of them.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nvmeStatus } from '../../lib/errors/nvme-status.js';
import { decodeNamespaceDescriptors, Environment, SpdkError } from '../../lib/index.js';
import { deviceIdOf, readNamespaceDescriptors } from '../../lib/nvme/namespace-descriptors.js';
import { type MemorySubsystem, type Simulation, simulate } from '../../lib/testing/index.js';
import { expectCode } from './coded.js';

const uuid = '11111111-aaaa-4333-8444-555555555555';
const nguid = '00112233445566778899aabbccddeeff';
const eui64 = '0011223344556677';
const location = { subsystemNqn: 'nqn.2026-11.dev.spdk-nvme:one', serial: 'S1', nsid: 3 };

const page = (...entries: readonly (readonly [type: number, digits: string])[]): Buffer => {
  const data = Buffer.alloc(4096);
  let at = 0;
  for (const [type, digits] of entries) {
    data.writeUInt8(type, at);
    data.writeUInt8(digits.length / 2, at + 1);
    data.write(digits, at + 4, 'hex');
    at += 4 + digits.length / 2;
  }
  return data;
};

describe('the list of descriptors', () => {
  it('is decoded', () => {
    const list = page([1, eui64], [2, nguid], [3, uuid.replaceAll('-', '')], [4, '02'], [9, 'abcd']);
    expect(decodeNamespaceDescriptors(list)).toEqual([
      { kind: 'eui64', type: 1, value: eui64 },
      { kind: 'nguid', type: 2, value: nguid },
      { kind: 'uuid', type: 3, value: uuid },
      { kind: 'csi', type: 4, value: '02' },
      { kind: 'unknown', type: 9, value: 'abcd' },
    ]);
  });

  it('ends where it makes no sense', () => {
    expect(decodeNamespaceDescriptors(page())).toEqual([]);
    const past = page([3, uuid.replaceAll('-', '')]).subarray(0, 12);
    expect(decodeNamespaceDescriptors(past)).toEqual([]);
    const zero = page([1, '']);
    expect(decodeNamespaceDescriptors(zero)).toEqual([]);
    expect(decodeNamespaceDescriptors(Buffer.alloc(0))).toEqual([]);
  });

  const rejected = (sct: number, sc: number) =>
    new SpdkError('ERR_SPDK_IO_FAILED', 'no', { nvmeStatus: nvmeStatus(sct, sc, false) });

  it.each([1, 2])('is empty where the controller does not know it (status %d)', async (sc) => {
    expect(await readNamespaceDescriptors(() => Promise.reject(rejected(0, sc)))).toEqual([]);
  });

  it.each([
    ['an aborted command', rejected(0, 0x08)],
    ['an internal error', rejected(0, 0x06)],
    ['a status of the command', rejected(1, 0x01)],
    ['a lost connection', new SpdkError('ERR_SPDK_CONTROLLER_FAILED', 'lost')],
  ])('is not known after %s', async (_, error) => {
    await expect(readNamespaceDescriptors(() => Promise.reject(error))).rejects.toBe(error);
  });
});

describe('the name of a disk', () => {
  it.each([
    [{ uuid, nguid, eui64 }, `uuid.${uuid}`],
    [{ uuid: '', nguid, eui64 }, `eui.${nguid}`],
    [{ uuid: '', nguid: '', eui64 }, `eui.${eui64}`],
    [{ uuid: '', nguid: '', eui64: '' }, 'nsid.nqn.2026-11.dev.spdk-nvme:one.S1.3'],
  ])('of %j is %s', (names, name) => expect(deviceIdOf(names, location)).toBe(name));
});

describe('a namespace', () => {
  let env: Environment;
  let subsystem: MemorySubsystem;
  let simulation: Simulation;

  beforeEach(async () => {
    simulation = simulate();
    subsystem = simulation.addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:memory');
    env = await Environment.init();
  });
  afterEach(async () => {
    await env.close();
    simulation.restore();
  });

  it('has its UUID, and a name that it keeps over a reset', async () => {
    subsystem.addNamespace(1, { uuid });
    subsystem.addNamespace(2, { uuid: '' });
    const controller = await env.attach(subsystem.id);
    const [one, two] = controller.namespaces;
    expect(one).toMatchObject({ uuid, deviceId: `uuid.${uuid}` });
    expect(two).toMatchObject({ uuid: '', deviceId: `nsid.${subsystem.nqn}.MEMORY.2` });
    expect(await controller.admin.namespaceDescriptors(1)).toEqual([{ kind: 'uuid', type: 3, value: uuid }]);
    expect(await controller.admin.namespaceDescriptors(2)).toEqual([]);
    await controller.reset();
    expect(controller.namespaces[0]?.deviceId).toBe(one?.deviceId);
  });

  it('that takes the place of another disk has another name', async () => {
    subsystem.addNamespace(1);
    const controller = await env.attach(subsystem.id);
    const before = controller.namespaces[0]?.deviceId;
    const changed = new Promise((resolve) => controller.once('namespaces', resolve));
    subsystem.addNamespace(1);
    await changed;
    expect(controller.namespaces[0]?.deviceId).not.toBe(before);
  });

  it('is not asked for by an id that none can have', async () => {
    const controller = await env.attach(subsystem.id);
    for (const nsid of [0, 0xffff_ffff, 1.5]) {
      const error = await controller.admin.namespaceDescriptors(nsid).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_VALUE' });
    }
    expectCode(() => decodeNamespaceDescriptors(undefined as never), 'ERR_SPDK_INVALID_ARG_TYPE');
  });
});
