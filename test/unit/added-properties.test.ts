// Properties that a program has added to Object.prototype are no options.

import { expect, it } from 'vitest';
import { open } from '../../lib/file/index.js';
import type { Namespace } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { attachKeys } from '../../lib/options/attach.js';
import { makeFixture, memoryId } from './memory/fixture.js';

const names = [
  ...attachKeys,
  ...['cancel', 'cause', 'errno', 'explain', 'nativeStack', 'nvmeStatus', 'outcome', 'since'],
  ...['concurrency', 'drainMs', 'filter', 'id', 'onTimeout', 'policy', 'pollIntervalMs', 'preferred'],
  ...['queuePair', 'referralDepth', 'sc', 'sct', 'selector', 'subnqn'],
];

/** Adds properties that only code of this package sees: Node.js itself has some of these names. */
async function withAdded(work: () => Promise<void>): Promise<void> {
  for (const name of names) {
    Object.defineProperty(Object.prototype, name, {
      configurable: true,
      get: () => (readByPackage() ? 'added' : undefined),
      set(value) {
        Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
  try {
    await work();
  } finally {
    for (const name of names) Reflect.deleteProperty(Object.prototype, name);
  }
}

/** Whether the code that reads a property is of this package. */
function readByPackage(): boolean {
  const [, , , reader = ''] = (new Error().stack ?? '').split('\n');
  return reader.includes('/lib/') && !reader.includes('/lib/testing/');
}

it('no call takes properties of Object.prototype for options', async () => {
  const { addon, disk, env, attach, target } = await makeFixture();
  disk('a');
  target.addDiscovery().entries = [{ traddr: '127.0.0.1', subnqn: 'nqn.2026-01.io.spdk:a' }];
  await withAdded(async () => {
    const controller = await attach('a');
    const [ns] = controller.namespaces;
    const buffer = Buffer.alloc(512);
    await ns?.write(buffer, { offset: 0 });
    await ns?.readv([buffer], { offset: 0, timeoutMs: 60_000 });
    await ns?.flush();
    await open(ns as Namespace).then((file) => file.close());
    for await (const chunk of ns?.chunks() ?? []) expect(chunk.byteLength).toBeGreaterThan(0);
    await controller.admin.identify(1, 0);
    await controller.reset();
    await controller.detach();
    const subsystem = await env.attachSubsystem([memoryId('a')]);
    await subsystem.namespaces[0]?.read(buffer, { offset: 0 });
    await subsystem.detach();
    const report = await env.attachAll(memoryId('a').replace(/ subnqn:.*/, ''));
    expect(report.attached).toHaveLength(1);
    const failed = await attach('nobody').catch((error) => error);
    expect(failed).toMatchObject({ code: 'ERR_SPDK_CONNECT_REJECTED' });
    expect(Object.keys(failed)).not.toContain('nativeStack');
    await env.close();
  });
  expect(addon.violations.list).toEqual([]);
  useAddon(undefined);
});
