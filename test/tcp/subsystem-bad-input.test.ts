// Bad paths, policies, keys and metadata with a real target: rejected with a code, and a proxy before the target sees nothing of it.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SubsystemNamespace, SubsystemOptions } from '../../lib/index.js';
import { codeOf } from '../integration/support/timing.js';
import { keyText } from '../support/keys.js';
import { localTarget } from './local-target.js';
import { commandIn } from './pdu.js';
import { PduProxy } from './proxy.js';

const plain = 'nqn.2026-11.dev.spdk-nvme:bad-input';
const protectedDisk = 'nqn.2026-11.dev.spdk-nvme:bad-input-metadata';
const blockSize = 512;
const local = localTarget({
  port: '4480',
  subsystems: [
    { nqn: plain, serial: 'PLAIN', disk: { kind: 'malloc', sizeMb: 16, blockSize } },
    {
      nqn: protectedDisk,
      serial: 'PROTECTED',
      disk: { kind: 'null', sizeMb: 16, blockSize, metadata: { size: 8, protectionType: 0 } },
    },
  ],
});

let proxy: PduProxy;
/** Commands of the host, on all connections. */
let commands = 0;

beforeAll(async () => {
  proxy = await PduProxy.start({
    targetPort: Number(local.listener.trsvcid),
    hooks: () => ({
      fromHost: (pdu) => {
        if (commandIn(pdu)) commands++;
        return undefined;
      },
    }),
  });
});
beforeEach(() => {
  proxy.times.length = 0;
  commands = 0;
});
afterAll(() => proxy?.close());

const id = (nqn = plain) => local.id(nqn, proxy.port);

const key = keyText('dhchap', '01', 32);
const withKey = (text: string) => () => [[id()], { dhchap: { key: Buffer.from(text) } }];

it.each<[string, () => unknown[], string]>([
  ['paths of two subsystems', () => [[id(), id(protectedDisk)]], 'ERR_SPDK_CONFLICTING_OPTIONS'],
  ['the same path twice', () => [[id(), id()]], 'ERR_SPDK_CONFLICTING_OPTIONS'],
  [
    'the same path in another notation',
    () => [[id(), { trtype: 'tcp', traddr: '127.0.0.1', trsvcid: String(proxy.port), subnqn: plain }]],
    'ERR_SPDK_CONFLICTING_OPTIONS',
  ],
  [
    'a selector without its policy',
    () => [[id()], { selector: 'queue-depth' }],
    'ERR_SPDK_CONFLICTING_OPTIONS',
  ],
  [
    'a preferred path where all are used',
    () => [[{ id: id(), preferred: true }], { policy: 'active-active' }],
    'ERR_SPDK_CONFLICTING_OPTIONS',
  ],
  [
    'a fast failure without a limit',
    () => [[id()], { fastIoFailTimeoutMs: 70_000 }],
    'ERR_SPDK_CONFLICTING_OPTIONS',
  ],
  ['a key that is cut', withKey(key.slice(0, -9)), 'ERR_SPDK_INVALID_KEY'],
  ['a key of the wrong length', withKey(keyText('dhchap', '01', 40)), 'ERR_SPDK_INVALID_KEY'],
  ['a key of an unknown transform', withKey(keyText('dhchap', '07', 32)), 'ERR_SPDK_INVALID_KEY'],
  ['a key of another use', withKey(keyText('tls', '01', 32)), 'ERR_SPDK_INVALID_KEY'],
])('%s: nothing is attached or sent', async (_, make, code) => {
  const [paths, options] = make() as [string[], SubsystemOptions | undefined];
  expect(await codeOf(local.env.attachSubsystem(paths, options), 'ok')).toBe(code);
  // What was attached in the background would have come by then.
  await local.env.attach(local.id(plain)).then((controller) => controller.detach());
  expect([proxy.times, local.env.controllers, local.env.subsystems]).toEqual([[], [], []]);
});

it('bad paths of a subsystem that is in use: it goes on as it is', async () => {
  await using subsystem = await local.env.attachSubsystem([id()]);
  const [namespace] = subsystem.namespaces as [SubsystemNamespace];
  const connections = proxy.times.length;
  for (const bad of [id(), id(protectedDisk), { id: id(), preferred: true }]) {
    expect(() => subsystem.addPath(bad)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_CONFLICTING_OPTIONS' }),
    );
  }
  const data = Buffer.alloc(blockSize, 'kept');
  await namespace.write(data, { offset: 0 });
  expect((await namespace.read(Buffer.alloc(blockSize), { offset: 0 })).equals(data)).toBe(true);
  expect([proxy.times.length, subsystem.paths.length]).toEqual([connections, 1]);
});

it('metadata of the wrong size, and where there is none: no command is sent', async () => {
  await using subsystem = await local.env.attachSubsystem([id(protectedDisk)], { keepAliveMs: 0 });
  await using other = await local.env.attachSubsystem([id()], { keepAliveMs: 0 });
  const [[namespace], [without]] = [subsystem.namespaces, other.namespaces] as [
    [SubsystemNamespace],
    [SubsystemNamespace],
  ];
  // Completes after the background task of the attach.
  await Promise.all(local.env.controllers.map(({ admin }) => admin.identify()));
  const before = commands;
  const data = Buffer.alloc(2 * blockSize);
  const write = (metadata: Buffer | undefined) =>
    codeOf(namespace.write(data, { offset: 0, metadata }), 'ok');
  expect(await write(Buffer.alloc(15))).toBe('ERR_SPDK_INVALID_BUFFER');
  expect(await write(Buffer.alloc(17))).toBe('ERR_SPDK_INVALID_BUFFER');
  expect(await write(undefined)).toBe('ERR_SPDK_UNSUPPORTED');
  const wrong = { offset: 0, metadata: Buffer.alloc(16) };
  expect(await codeOf(without.write(data, wrong), 'ok')).toBe('ERR_SPDK_UNSUPPORTED');
  expect(commands).toBe(before);
  expect(await write(Buffer.alloc(16))).toBe('ok');
  expect(commands).toBe(before + 1);
});
