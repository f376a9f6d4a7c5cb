// TracingChannels of `node:diagnostics_channel`: each call from its start to its outcome, and nothing while nobody listens.

import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Controller, Environment, type Namespace, type TracingMessages } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { type Fixture, makeFixture, memoryId } from './memory/fixture.js';

const stages = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;

let fixture: Fixture;
let ends: (() => void)[] = [];
let controller: Controller;
let ns: Namespace;

beforeEach(async () => {
  fixture = await makeFixture();
  fixture.disk('a');
  controller = await fixture.attach('a');
  ns = controller.namespaces[0] as Namespace;
});
afterEach(async () => {
  for (const end of ends) end();
  ends = [];
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  useAddon(undefined);
});

/** What is published from now on: the stage, and the message. */
function listen<Name extends keyof TracingMessages>(name: Name): [string, TracingMessages[Name]][] {
  const heard: [string, TracingMessages[Name]][] = [];
  const channel = tracingChannel(name) as TracingChannel<unknown, Record<string, unknown>>;
  const listeners = Object.fromEntries(
    stages.map((stage) => [
      stage,
      (message: unknown) => heard.push([stage, message as TracingMessages[Name]]),
    ]),
  ) as unknown as Parameters<typeof channel.subscribe>[0];
  channel.subscribe(listeners);
  ends.push(() => channel.unsubscribe(listeners));
  return heard;
}
const stagesOf = (heard: [string, unknown][]) => heard.map(([stage]) => stage);

it('report an attach and one that fails', async () => {
  fixture.disk('b');
  const heard = listen('spdk-nvme:attach');
  const attached = await fixture.attach('b');
  expect(stagesOf(heard)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
  expect(heard[3]?.[1]).toMatchObject({ transportId: { trsvcid: '4420' }, result: attached });
  const { totalMs, ...phases } = attached.attachReport;
  expect(Object.values(phases).reduce((sum, ms) => sum + ms)).toBeCloseTo(totalMs, 6);
  expect(Object.isFrozen(attached.attachReport)).toBe(true);
  heard.length = 0;
  await expect(fixture.env.attach(memoryId('nobody'))).rejects.toMatchObject({
    code: 'ERR_SPDK_CONNECT_REJECTED',
  });
  expect(stagesOf(heard)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
  expect(heard[2]?.[1]).toMatchObject({ error: { code: 'ERR_SPDK_CONNECT_REJECTED' } });
});

it('report a reset and a detach, each call of which gets the same report', async () => {
  const resets = listen('spdk-nvme:reset');
  await controller.reset();
  expect(resets.at(-1)).toMatchObject(['asyncEnd', { controller, result: { attempts: 1 } }]);
  const detaches = listen('spdk-nvme:detach');
  const [first, second] = await Promise.all([controller.detach(), controller.detach()]);
  expect(first).toBe(second);
  expect(stagesOf(detaches).filter((stage) => stage === 'asyncEnd')).toHaveLength(2);
  expect(detaches.at(-1)?.[1]).toMatchObject({ controller, result: first });
});

it('a subscriber may close what a detach belongs to when the detach starts', async () => {
  await fixture.env.close();
  fixture.target.addDiscovery();
  const share = await Environment.shared({ pollers: 2 });
  const env = share.environment;
  const subsystem = await env.attachSubsystem([memoryId('a')]);
  const watch = await env.watchDiscovery(memoryId('a').replace(/ subnqn:.*/, ''));
  const closes: Promise<unknown>[] = [];
  const close = () => closes.push(share.close(), env.close(), subsystem.detach(), watch.close());
  const { start } = tracingChannel('spdk-nvme:detach');
  start.subscribe(close);
  ends.push(() => start.unsubscribe(close));
  await watch.close();
  await share.close();
  await Promise.all(closes);
  // Both controllers are detached by their owner and by the environment; each of these calls starts once.
  expect(closes).toHaveLength(2 * 2 * 4);
});

it('report each operation, only while there is a listener', async () => {
  await ns.write(Buffer.alloc(512), { offset: 0 });
  const heard = listen('spdk-nvme:io');
  const buffer = Buffer.alloc(1024);
  await ns.read(buffer, { offset: 512 });
  expect(stagesOf(heard)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
  expect(heard[3]?.[1]).toMatchObject({
    namespace: ns,
    operation: 'read',
    offset: 512,
    length: 1024,
    result: buffer,
  });
  heard.length = 0;
  await ns.write(buffer, { offset: 0 });
  await ns.writev([buffer], { offset: 0 });
  await ns.readv([buffer], { offset: 0 });
  await ns.compare(buffer, { offset: 0 });
  await ns.flush();
  await ns.writeZeroes({ offset: 0, length: 512 });
  await ns.deallocate({ offset: 0, length: 512 });
  await ns.verify({ offset: 0, length: 512 });
  await ns.compareAndWrite(Buffer.alloc(512), Buffer.alloc(512), { offset: 0 });
  await ns.writeUncorrectable({ offset: 3584, length: 512 });
  await ns.raw({ opcode: 0 });
  const named = heard.filter(([stage]) => stage === 'asyncEnd').map(([, { operation }]) => operation);
  // With this type, the compiler finds a name that subscribers are not told of.
  const wanted: TracingMessages['spdk-nvme:io']['operation'][] = [
    ...(['write', 'write', 'read', 'compare', 'flush', 'writeZeroes', 'deallocate', 'verify'] as const),
    ...(['compareAndWrite', 'writeUncorrectable', 'raw'] as const),
  ];
  expect(named).toEqual(wanted);
  fixture.target.failCommands({ sct: 2, sc: 0x81 });
  await expect(ns.read(buffer, { offset: 0 })).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
  expect(heard.at(-1)?.[1]).toMatchObject({ error: { code: 'ERR_SPDK_IO_FAILED' } });
  for (const end of ends.splice(0)) end();
  heard.length = 0;
  await ns.read(buffer, { offset: 0 });
  expect(heard).toEqual([]);
});

it('do not begin a detach twice when a subscriber detaches itself', async () => {
  let nested: Promise<unknown> | undefined;
  let asked = false;
  const channel = tracingChannel('spdk-nvme:detach');
  const start = () => {
    if (asked) return;
    asked = true;
    nested = controller.detach();
  };
  channel.start.subscribe(start);
  ends.push(() => channel.start.unsubscribe(start));
  const report = await controller.detach();
  expect(await nested).toBe(report);
});

it('reject a buffer that a subscriber has released', async () => {
  const channel = tracingChannel('spdk-nvme:io');
  const buffer = fixture.env.allocate(512);
  const start = () => buffer.release();
  channel.start.subscribe(start);
  ends.push(() => channel.start.unsubscribe(start));
  await expect(ns.read(buffer, { offset: 0 })).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
  expect(controller.stats()).toMatchObject({ pending: 0, completed: 0 });
});
