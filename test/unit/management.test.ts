// Commands that change a device, with a target in memory that carries them out.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Controller, Environment, type Management, type SpdkError } from '../../lib/index.js';
import { type MemorySubsystem, type Simulation, simulate } from '../../lib/testing/index.js';

const everything = { oacs: 0b1_1110, sanicap: 0b111, fna: 0b100 };
let simulation: Simulation;
let subsystem: MemorySubsystem;
let env: Environment;
let controller: Controller;
let management: Management;

beforeEach(async () => {
  simulation = simulate();
  subsystem = simulation.addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:management');
  subsystem.addNamespace(1, { blocks: 64 }).data.fill(7);
  Object.assign(subsystem.management, everything);
  env = await Environment.init();
  controller = await env.attach(subsystem.id);
  management = controller.management;
});
afterEach(async () => {
  await env.close();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    ({ code }: SpdkError) => code,
  );

/** Every command, with arguments that are right. */
const calls: Record<string, (to: Management) => Promise<unknown>> = {
  format: (to) => to.format(1),
  createNamespace: (to) => to.createNamespace({ blocks: 8 }),
  deleteNamespace: (to) => to.deleteNamespace(1),
  attachNamespace: (to) => to.attachNamespace(1),
  detachNamespace: (to) => to.detachNamespace(1),
  downloadFirmware: (to) => to.downloadFirmware(Buffer.alloc(4)),
  commitFirmware: (to) => to.commitFirmware({ action: 'store' }),
  sanitize: (to) => to.sanitize({ action: 'overwrite' }),
  sanitizeLog: (to) => to.sanitizeLog(),
  selfTest: (to) => to.selfTest('short'),
  selfTestLog: (to) => to.selfTestLog(),
};

it.each(Object.entries(calls))('%s is sent only where the controller announces it', async (_, call) => {
  Object.assign(subsystem.management, { oacs: 0, sanicap: 0, fna: 0 });
  const before = Buffer.from(subsystem.namespaces.get(1)?.data ?? []);
  const error = await call(management).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_SPDK_UNSUPPORTED' });
  expect((error as SpdkError).message).toMatch(/\((OACS bit [1-4]|SANICAP) of Identify Controller\)/);
  expect(subsystem.management.latest.size).toBe(0);
  expect(Buffer.from(subsystem.namespaces.get(1)?.data ?? [])).toEqual(before);
});

it('all of them are tested here', () => {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(management));
  expect(methods.filter((name) => name !== 'constructor').sort()).toEqual(Object.keys(calls).sort());
});

it.each(Object.entries(calls))('%s has a time limit and heeds a signal', async (name, call) => {
  subsystem.target.latencyMs = 10_000;
  // The options are the last argument, or properties of the only one.
  const limited = (limits: object) => {
    const to = new Proxy(management, {
      get:
        (target, key: keyof Management) =>
        (...args: unknown[]) => {
          const rest = typeof args.at(-1) === 'object' && !Buffer.isBuffer(args.at(-1)) ? args.pop() : {};
          return (target[key] as (...all: unknown[]) => Promise<unknown>)(...args, {
            ...(rest as object),
            ...limits,
          });
        },
    });
    return call(to);
  };
  expect(await codeOf(limited({ timeoutMs: 20 })), name).toBe('ERR_SPDK_TIMEOUT');
  expect(await codeOf(limited({ signal: AbortSignal.abort() }))).toBe('ERR_SPDK_ABORTED');
  subsystem.target.latencyMs = 0;
});

describe('format', () => {
  it('gives a namespace other blocks, and erases it', async () => {
    const changed = once(controller, 'namespaces');
    await management.format(1, {
      lbaFormat: 1,
      secureErase: 'cryptographic',
      protectionType: 2,
      protectionPlace: 'first',
    });
    await changed;
    expect(controller.namespaces[0]).toMatchObject({ id: 1, blockSize: 4096, blocks: 8 });
    expect(subsystem.management.latest.get(0x80)).toBe(1 | (1 << 4) | (2 << 5) | (1 << 8) | (2 << 9));
    expect(subsystem.namespaces.get(1)?.data.every((byte) => byte === 0)).toBe(true);
  });

  it('has the bits of a large index, and separate metadata', async () => {
    expect(await codeOf(management.format(0xffff_ffff, { lbaFormat: 0x25, metadata: 'separate' }))).toBe(
      'ERR_SPDK_IO_FAILED',
    );
    expect(subsystem.management.latest.get(0x80)).toBe(5 | (2 << 12));
  });

  it('keeps the blocks that the namespace has unless it is told others', async () => {
    subsystem.addNamespace(2, { blocks: 8, blockSize: 4096 }).data.fill(7);
    await management.format(2);
    expect(subsystem.management.latest.get(0x80)).toBe(1);
    expect(subsystem.namespaces.get(2)).toMatchObject({ blockSize: 4096, blocks: 8 });
    await management.format(2, { metadata: 'interleaved' });
    expect(subsystem.management.latest.get(0x80)).toBe(1 | (1 << 4));
    subsystem.management.latest.clear();
    expect(await codeOf(management.format(0xffff_ffff))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(await codeOf(management.format(9))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(subsystem.management.latest.size).toBe(0);
  });

  it('erases cryptographically only where the controller does', async () => {
    subsystem.management.fna = 0;
    const format = management.format(1, { secureErase: 'cryptographic' });
    await expect(format).rejects.toThrow(/FNA bit 2/);
    expect(subsystem.management.latest.size).toBe(0);
  });
});

it('namespaces are created, attached, detached and deleted', async () => {
  const nsid = await management.createNamespace({ blocks: 16, lbaFormat: 1, shared: true });
  expect(nsid).toBe(2);
  const ids = () => controller.namespaces.map(({ id }) => id);
  expect(ids()).toEqual([1]);
  let changed = once(controller, 'namespaces');
  await management.attachNamespace(nsid);
  await changed;
  expect(controller.namespaces[1]).toMatchObject({ id: 2, blocks: 16, blockSize: 4096 });
  await expect(management.attachNamespace(nsid)).rejects.toMatchObject({
    nvmeStatus: { sct: 1, sc: 0x18, name: 'Namespace Already Attached' },
  });
  changed = once(controller, 'namespaces');
  await management.detachNamespace(nsid, { controllers: [1] });
  await changed;
  expect(ids()).toEqual([1]);
  await management.deleteNamespace(nsid);
  expect(await codeOf(management.attachNamespace(nsid))).toBe('ERR_SPDK_IO_FAILED');
  expect(await codeOf(management.detachNamespace(1, { controllers: [3, 2] }))).toBe('ERR_SPDK_IO_FAILED');
});

describe('firmware', () => {
  it('of any length is sent in pieces, each in its place', async () => {
    const image = randomBytes(300_004);
    await management.downloadFirmware(image.subarray(0, 150_000));
    await management.downloadFirmware(image.subarray(150_000), { offset: 150_000 });
    expect(await management.commitFirmware({ action: 'store', slot: 2 })).toBe('nothing');
    expect(subsystem.management.firmware.equals(image)).toBe(true);
    expect(subsystem.management.latest.get(0x10)).toBe(2);
  });

  it.each([
    [0x10b, 'conventional-reset'],
    [0x110, 'subsystem-reset'],
    [0x111, 'controller-reset'],
  ])('that is committed with the status %i waits for a %s', async (status, needs) => {
    subsystem.management.commitStatus = status;
    expect(await management.commitFirmware({ action: 'store-and-activate' })).toBe(needs);
  });

  it('that is rejected rejects', async () => {
    subsystem.management.commitStatus = 0x107;
    await expect(management.commitFirmware({ action: 'activate-now', slot: 7 })).rejects.toMatchObject({
      nvmeStatus: { name: 'Invalid Firmware Image' },
    });
    expect(subsystem.management.latest.get(0x10)).toBe(7 | (3 << 3));
  });
});

it('sanitize begins what its log reports', async () => {
  expect(await management.sanitizeLog()).toMatchObject({
    state: 'never-sanitized',
    progress: 65_535 / 65_536,
  });
  const overwrite = { action: 'overwrite', passes: 16, pattern: 0xdead_beef, invertPattern: true } as const;
  await management.sanitize({ ...overwrite, allowUnrestrictedExit: true, noDeallocate: true });
  expect(await management.sanitizeLog()).toEqual({
    state: 'completed',
    progress: 65_535 / 65_536,
    overwritePasses: 0,
    globalDataErased: false,
    cdw10: 3 | (1 << 3) | (1 << 8) | (1 << 9),
    estimatedSeconds: { overwrite: undefined, blockErase: undefined, cryptoErase: undefined },
  });
  expect(subsystem.namespaces.get(1)?.data.every((byte) => byte === 0)).toBe(true);
  subsystem.management.sanicap = 0b100;
  expect(await codeOf(management.sanitize({ action: 'block-erase' }))).toBe('ERR_SPDK_UNSUPPORTED');
  expect(await codeOf(management.sanitize({ action: 'exit-failure' }))).toBe('none');
});

it('a self-test runs, and its log has how it ended', async () => {
  expect(await management.selfTestLog()).toEqual({ running: undefined, completedPercent: 0, results: [] });
  await management.selfTest('extended');
  expect(await management.selfTestLog()).toMatchObject({ running: 'extended', completedPercent: 50 });
  await expect(management.selfTest('short')).rejects.toMatchObject({
    nvmeStatus: { name: 'Device Self-test In Progress' },
  });
  await management.selfTest('abort');
  await management.selfTest('short', { nsid: 1 });
  subsystem.management.endSelfTest();
  const { results } = await management.selfTestLog();
  expect(results.map(({ test, result, nsid }) => [test, result, nsid])).toEqual([
    ['short', 'passed', undefined],
    ['extended', 'aborted', undefined],
  ]);
});

it.each<[string, (to: Management) => Promise<unknown>, string]>([
  ['a namespace id of 0', (to) => to.format(0), 'ERR_SPDK_INVALID_ARG_VALUE'],
  ['an unknown option', (to) => to.format(1, { lbaf: 1 } as object), 'ERR_SPDK_UNKNOWN_OPTION'],
  ['no size', (to) => to.createNamespace({} as never), 'ERR_SPDK_INVALID_ARG_TYPE'],
  [
    'a capacity beyond the size',
    (to) => to.createNamespace({ blocks: 1, capacityBlocks: 2 }),
    'ERR_SPDK_INVALID_ARG_VALUE',
  ],
  ['no controllers', (to) => to.attachNamespace(1, { controllers: [] }), 'ERR_SPDK_INVALID_ARG_VALUE'],
  [
    'a controller that is none',
    (to) => to.attachNamespace(1, { controllers: ['1' as never] }),
    'ERR_SPDK_INVALID_ARG_TYPE',
  ],
  ['half a dword of firmware', (to) => to.downloadFirmware(Buffer.alloc(6)), 'ERR_SPDK_INVALID_BUFFER'],
  ['no firmware', (to) => to.downloadFirmware(Buffer.alloc(0)), 'ERR_SPDK_INVALID_BUFFER'],
  [
    'an offset of half a dword',
    (to) => to.downloadFirmware(Buffer.alloc(4), { offset: 2 }),
    'ERR_SPDK_INVALID_ARG_VALUE',
  ],
  ...[null, '', [], '8', 8n, Symbol('8')].map(
    (offset): [string, (to: Management) => Promise<unknown>, string] => [
      `an offset of type ${typeof offset}`,
      (to) => to.downloadFirmware(Buffer.alloc(4), { offset: offset as never }),
      'ERR_SPDK_INVALID_ARG_TYPE',
    ],
  ),
  [
    'an offset beyond 32 bits of dwords',
    (to) => to.downloadFirmware(Buffer.alloc(4), { offset: 2 ** 34 }),
    'ERR_SPDK_INVALID_ARG_VALUE',
  ],
  ['a slot of 8', (to) => to.commitFirmware({ action: 'store', slot: 8 }), 'ERR_SPDK_INVALID_ARG_VALUE'],
  [
    'passes of no overwrite',
    (to) => to.sanitize({ action: 'crypto-erase', passes: 2 }),
    'ERR_SPDK_CONFLICTING_OPTIONS',
  ],
  ['another test', (to) => to.selfTest('long' as never), 'ERR_SPDK_INVALID_ARG_VALUE'],
])('%s is rejected at once, and nothing is sent', async (_, call, code) => {
  expect(await codeOf(call(management))).toBe(code);
  expect(subsystem.management.latest.size).toBe(0);
});

it.each<[string, () => Promise<unknown>]>([
  ['format', () => management.format(1, { lbaFormat: 0 })],
  ['format of all namespaces', () => management.format(0xffff_ffff, { lbaFormat: 0 })],
  ['sanitize', () => management.sanitize({ action: 'crypto-erase' })],
  ['deleteNamespace', () => management.deleteNamespace(1)],
  ['detachNamespace', () => management.detachNamespace(1)],
])('%s reaches no other disk that has come since the call', async (_, call) => {
  const changed = once(controller, 'namespaces');
  const outcome = codeOf(call());
  const other = subsystem.addNamespace(1, { blocks: 64 });
  other.data.fill(9);
  expect(await outcome).toBe('ERR_SPDK_NAMESPACE_GONE');
  expect(subsystem.namespaces.get(1)).toBe(other);
  expect(other.data.every((byte) => byte === 9)).toBe(true);
  expect(subsystem.management.latest.size).toBe(0);
  await changed;
  expect(await codeOf(management.format(1, { lbaFormat: 0 }))).toBe('none');
});
