// The public door of targets in memory: `spdk-nvme/testing`, with each fault. Longer than other files: there is a test for each setting.

import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Controller, Environment, type Namespace, spdkVersion } from '../../lib/index.js';
import {
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { expectBufferLimit } from '../support/buffer-limit.js';

const nqn = 'nqn.2026-01.com.example:disk';

let simulation: Simulation;
let target: MemoryTarget;
let subsystem: MemorySubsystem;
let env: Environment;

beforeEach(async () => {
  simulation = simulate();
  target = simulation.addTarget({ traddr: '192.0.2.7', trsvcid: '4421' });
  subsystem = target.addSubsystem(nqn);
  subsystem.addNamespace(1, { blocks: 64 });
  env = await Environment.init();
});
afterEach(async () => {
  [target.silent, target.wedged] = [false, false];
  await env.close();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

async function attach(options?: Parameters<Environment['attach']>[1]): Promise<[Controller, Namespace]> {
  const controller = await env.attach(subsystem.id, options);
  return [controller, controller.namespaces[0] as Namespace];
}
const block = () => Buffer.alloc(512);

describe('simulate', () => {
  it('is behind the same API, until it is restored', () => {
    expect(spdkVersion().text).toBe('SPDK v26.05 in memory');
    const inner = simulate();
    expect(inner.targets).toEqual([]);
    inner.restore();
    inner.restore();
    expect(spdkVersion().text).toBe('SPDK v26.05 in memory');
    expect(simulation.targets).toEqual([target]);
  });

  it('may be restored in any order', async () => {
    await env.close();
    const [first, second, third] = [simulate(), simulate(), simulate()];
    const isReached = async (one: Simulation) => {
      const { id } = (one.targets[0] ?? one.addTarget()).addSubsystem(`${nqn}-${one.targets.length}`);
      await using open = await Environment.init();
      // Awaited here: the environment is closed at the end.
      return await open.attach(id).then(
        () => true,
        () => false,
      );
    };
    second.restore();
    expect(await isReached(third)).toBe(true);
    third.restore();
    expect(await isReached(first)).toBe(true);
    first.restore();
    env = await Environment.init();
    await attach();
  });

  it('has targets at their addresses, by TCP and by RDMA', async () => {
    expect(subsystem.id).toBe(`trtype:TCP adrfam:IPv4 traddr:192.0.2.7 trsvcid:4421 subnqn:${nqn}`);
    const controller = await env.attach(target.id(nqn, 'RDMA'));
    expect(controller.info.subsystemNqn).toBe(nqn);
    await expect(env.attach(subsystem.id.replace('4421', '4422'))).rejects.toMatchObject({
      code: 'ERR_SPDK_UNREACHABLE',
    });
  });

  it('keeps data where a test can see it', async () => {
    const [, ns] = await attach();
    const disk = subsystem.namespaces.get(1);
    await ns.write(Buffer.alloc(512, 5), { offset: 512 });
    expect(disk?.data[512]).toBe(5);
    disk?.data.fill(9, 0, 512);
    expect((await ns.read(block(), { offset: 0 }))[511]).toBe(9);
  });

  it('serves discovery', async () => {
    target.addDiscovery().entries = [{ traddr: '192.0.2.7', trsvcid: '4421', subnqn: nqn }];
    const { entries } = await env.discover(target.id(nqn).replace(/ subnqn.*/, ''));
    expect(entries.map(({ transportId }) => transportId?.subnqn)).toEqual([nqn]);
  });

  it('gives memory to any number of environments, one after the other', async () => {
    for (let i = 0; i < 140; i++) {
      await env.close();
      env = await Environment.init();
      env.allocate(512).release();
    }
  });

  it('has as much memory as memoryMb says', async () => {
    await env.close();
    env = await Environment.init({ memoryMb: 1024 });
    expect(env.stats().memory.totalBytes).toBe(2 ** 30);
    env.allocate(300 << 20).release();
    expect(() => env.allocate(2 ** 30 + 1)).toThrow(expect.objectContaining({ code: 'ERR_SPDK_NO_MEMORY' }));
  });

  it('has at most 65536 buffers, and says so', () => {
    expectBufferLimit(env, 65_536);
  });

  it.each<[string, () => unknown]>([
    ['ERR_SPDK_INVALID_TRANSPORT_ID', () => simulation.addTarget({ traddr: 'nowhere' })],
    ['ERR_SPDK_UNKNOWN_OPTION', () => simulation.addTarget({ address: '1' } as never)],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => simulation.addTarget({ traddr: '192.0.2.7', trsvcid: '4421' })],
    ['ERR_SPDK_INVALID_NQN', () => target.addSubsystem('disk')],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => target.addSubsystem(nqn)],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => subsystem.addNamespace(0)],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => subsystem.addNamespace(2, { blockSize: 1000 })],
    ['ERR_SPDK_UNKNOWN_OPTION', () => subsystem.addNamespace(2, { size: 1000 } as never)],
    ...[null, '', '64', 64n, Symbol('64')].map((extensionBytes): [string, () => unknown] => [
      'ERR_SPDK_INVALID_ARG_TYPE',
      () => subsystem.addNamespace(2, { zones: { zoneBlocks: 4, extensionBytes: extensionBytes as never } }),
    ]),
    [
      'ERR_SPDK_INVALID_ARG_VALUE',
      () => subsystem.addNamespace(2, { zones: { zoneBlocks: 4, extensionBytes: 32 } }),
    ],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => target.failCommands({ sc: 256 })],
    ['ERR_SPDK_INVALID_ARG_VALUE', () => target.failCommands({ sc: 1, command: 'erase' as never })],
  ])('says %s (%#)', (code, call) => {
    expect(call).toThrow(expect.objectContaining({ code }));
  });

  const wrongValue = 'ERR_SPDK_INVALID_ARG_VALUE';
  const wrongType = 'ERR_SPDK_INVALID_ARG_TYPE';
  const unknown = 'ERR_SPDK_UNKNOWN_OPTION';
  const gone = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
  type Settable = readonly [name: string, code: string, values: readonly unknown[]];

  /** Sets a property to what it does not take, and finds it as it was. */
  function expectRejected(owner: object, [name, code, values]: Settable): void {
    const properties = owner as Record<string, unknown>;
    for (const value of values) {
      const before = properties[name];
      const set = () => {
        properties[name] = value;
      };
      expect(set, `${name}: ${String(value)}`).toThrow(expect.objectContaining({ code }));
      expect(properties[name]).toBe(before);
    }
  }

  it.each<Settable>([
    ['latencyMs', wrongValue, [-1, 1.5, Number.NaN, 2 ** 31]],
    ['latencyMs', wrongType, ['5', null, undefined]],
    ['connectMs', wrongValue, [-1, Number.POSITIVE_INFINITY]],
    ['silent', wrongType, [1, 'yes', undefined]],
    ['wedged', wrongType, [1, null]],
    [
      'rejection',
      wrongType,
      ['gone', null, { ...gone, message: 5 }, { code: gone.code }, { ...gone, sc: '1' }],
    ],
    ['rejection', wrongValue, [{}, { ...gone, code: 'EGONE' }, { ...gone, sct: 8, sc: 0 }]],
    ['rejection', unknown, [{ ...gone, status: 1 }]],
    ['rejection', 'ERR_SPDK_CONFLICTING_OPTIONS', [{ ...gone, sct: 1 }]],
  ])('checks %s of a target (%#)', (...settable) => {
    expectRejected(target, settable);
  });

  it.each<Settable>([
    ['maxTransferBytes', wrongValue, [0, 511, 1000, Number.NaN]],
    ['maxIoQueues', wrongValue, [0]],
    ['maxQueueDepth', wrongValue, [1]],
    ['serial', wrongType, [5, undefined]],
    ['serial', wrongValue, ['x'.repeat(21)]],
    ['abortsCommands', wrongType, [0]],
    ['reportsAna', wrongType, ['no']],
    ['anaTransitionSeconds', wrongValue, [0, 256, 0.5]],
    ['commandRetryDelays', wrongType, [5, ['1']]],
    ['commandRetryDelays', wrongValue, [[1, 2, 3, 4], [-1]]],
    ['keys', unknown, [{ key: 'x' }]],
    ['keys', wrongType, [undefined, { dhchapKey: 5 }]],
  ])('checks %s of a subsystem (%#)', (...settable) => {
    expectRejected(subsystem, settable);
  });

  it('checks what else can be set', () => {
    const discovery = target.addDiscovery();
    expectRejected(discovery, ['offers', wrongType, [1]]);
    expectRejected(discovery, ['accepts', wrongType, [null]]);
    expectRejected(discovery, ['serial', wrongType, [5]]);
    expectRejected(discovery, ['entries', wrongType, [undefined, {}, [{ portId: '7' }], [null]]]);
    expectRejected(discovery, ['entries', wrongValue, [[{ traddr: 'x'.repeat(257) }], [{ treq: 256 }]]]);
    expectRejected(discovery, ['entries', unknown, [[{ nqn }]]]);
    expectRejected(subsystem.management, ['oacs', wrongValue, [2 ** 16, -1]]);
    expectRejected(subsystem.management, ['sanicap', wrongType, ['7']]);
    expectRejected(subsystem.management, ['fna', wrongValue, [256]]);
    expectRejected(subsystem.management, ['commitStatus', wrongValue, [0x800]]);
    const zones = { zoneBlocks: 4, capacityBlocks: 3, extensionBytes: 64 };
    const disk = subsystem.addNamespace(2, { metadataSize: 8, zones });
    expectRejected(disk, ['data', wrongType, [[], undefined]]);
    expectRejected(disk, ['data', wrongValue, [Buffer.alloc(512)]]);
    expectRejected(disk, ['metadata', wrongValue, [Buffer.alloc(8)]]);
    const zone = disk.zones?.all[0] as object;
    expectRejected(zone, ['state', wrongValue, ['open']]);
    expectRejected(zone, ['written', wrongValue, [4, -1]]);
    expectRejected(zone, ['extension', wrongValue, [Buffer.alloc(63)]]);
    subsystem.resizeNamespace(2, 16);
    disk.data = Buffer.alloc(16 * 512, 1);
    expect([disk.blocks, disk.data[0]]).toEqual([16, 1]);
    disk.data = runInNewContext('new Uint8Array(16 * 512).fill(2)');
    expect(disk.data[0]).toBe(2);
  });

  it.each<[string, () => unknown]>([
    [wrongValue, () => subsystem.resizeNamespace(9, 8)],
    [wrongValue, () => subsystem.resizeNamespace(1, 0)],
    [wrongValue, () => subsystem.resizeNamespace(1, -1)],
    [wrongValue, () => subsystem.resizeNamespace(1, 1.5)],
    [wrongValue, () => subsystem.resizeNamespace(1, Number.NaN)],
    [wrongValue, () => subsystem.resizeNamespace(1, 2 ** 40)],
    [wrongType, () => subsystem.resizeNamespace(1, '8' as never)],
    [wrongType, () => subsystem.removeNamespace('1' as never)],
    [wrongValue, () => subsystem.setAna(1, 'typo' as never)],
    [wrongType, () => subsystem.setAna('1' as never, 'change')],
    [wrongType, () => subsystem.shareNamespace({ id: 1 } as never)],
    [wrongType, () => target.removeSubsystem(5 as never)],
  ])('says %s for what cannot be (%#)', (code, call) => {
    expect(call).toThrow(expect.objectContaining({ code }));
    expect(subsystem.namespaces.get(1)?.blocks).toBe(64);
  });
});

describe('a fault', () => {
  it('of delay makes responses late', async () => {
    const [, ns] = await attach();
    target.latencyMs = 30;
    const begun = performance.now();
    await ns.read(block(), { offset: 0 });
    expect(performance.now() - begun).toBeGreaterThan(25);
    target.latencyMs = 500;
    await expect(ns.read(block(), { offset: 0, timeoutMs: 5 })).rejects.toMatchObject({
      code: 'ERR_SPDK_TIMEOUT',
    });
  });

  it('of status fails the commands that were named, so many', async () => {
    const [, ns] = await attach();
    target.failCommands({ sct: 2, sc: 0x81, dnr: true, count: 2, command: 'read' });
    await ns.write(block(), { offset: 0 });
    for (let i = 0; i < 2; i++) {
      await expect(ns.read(block(), { offset: 0 })).rejects.toMatchObject({
        code: 'ERR_SPDK_IO_FAILED',
        nvmeStatus: { sct: 2, sc: 0x81, dnr: true },
      });
    }
    await ns.read(block(), { offset: 0 });
  });

  it('of the link fails a controller, or has it connect again', async () => {
    const [controller] = await attach();
    const failed = new Promise((resolve) => controller.once('failed', resolve));
    target.dropLinks();
    expect(await failed).toMatchObject({ code: 'ERR_SPDK_CONTROLLER_FAILED' });
    await controller.detach();

    const [stubborn, ns] = await attach({ ctrlrLossTimeoutMs: 5_000, reconnectDelayMs: 20 });
    target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
    const attempts = vi.fn();
    stubborn.on('reconnectFailed', attempts);
    target.dropLinks();
    await vi.waitFor(() => expect(attempts).toHaveBeenCalled());
    target.rejection = undefined;
    await ns.read(block(), { offset: 0 });
    expect(stubborn.state).toBe('attached');
  });

  it('of more data than it takes ends the connection, as with a real target', async () => {
    const [controller, namespace] = await attach();
    subsystem.maxTransferBytes = 4096;
    const sent = namespace.raw({ opcode: 0x81, data: Buffer.alloc(4100) });
    await expect(sent).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
    await vi.waitFor(() => expect(controller.state).toBe('failed'));
  });

  it('of silence fails a controller after its keep-alive', async () => {
    const [controller, ns] = await attach({ keepAliveMs: 1_000 });
    target.silent = true;
    const reading = ns.read(block(), { offset: 0 });
    await expect(reading).rejects.toMatchObject({
      code: expect.stringMatching(/CONTROLLER_FAILED|IO_FAILED/),
    });
    expect(controller.state).toBe('failed');
  });

  it('of a call that does not return wedges a detach, and the rest goes on', async () => {
    const [controller] = await attach();
    target.wedged = true;
    await expect(controller.detach({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'ERR_SPDK_WEDGED' });
    const other = simulation.addTarget({ trsvcid: '5000' }).addSubsystem(nqn);
    other.addNamespace(1);
    const [ns] = (await env.attach(other.id)).namespaces;
    await ns?.read(block(), { offset: 0 });
    target.wedged = false;
    await vi.waitFor(() => expect(controller.state).toBe('detached'));
  });
});
