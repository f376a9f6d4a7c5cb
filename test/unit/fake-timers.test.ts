// A test runner's fake timers stop, and the timers of this package continue.

import { once } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { memoryId } from './memory/fixture.js';

const { setTimeout: realTimeout } = globalThis;
const pass = (ms: number) => new Promise((resolve) => realTimeout(resolve, ms));
const nqnOf = (name: string) => `nqn.2026-01.io.spdk:${name}`;

/** The package as a program loads it: other unit tests make its time that of fake timers. */
async function load() {
  vi.resetModules();
  const [{ Environment }, { simulate }] = await Promise.all([
    import('../../lib/index.js'),
    import('../../lib/testing/index.js'),
  ]);
  const simulation = simulate();
  const target = simulation.addTarget();
  for (const name of ['a', 'b']) target.addSubsystem(nqnOf(name)).addNamespace(1, { blocks: 64 });
  return { simulation, target, env: await Environment.init() };
}

let world: Awaited<ReturnType<typeof load>>;

beforeEach(async () => {
  world = await load();
  vi.useFakeTimers();
});
afterEach(async () => {
  world.target.silent = false;
  await world.env.close();
  world.simulation.restore();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.resetModules();
});

it.each([
  ['of Vitest', undefined],
  ['of Jest', { toFake: ['setTimeout', 'setInterval', 'setImmediate', 'performance', 'queueMicrotask'] }],
] as const)('the package can be loaded under fake timers %s', async (_, config) => {
  await world.env.close();
  world.simulation.restore();
  vi.useRealTimers();
  vi.useFakeTimers(config && { toFake: [...config.toFake] });
  world = await load();
  const { namespaces } = await world.env.attach(memoryId('a'));
  await namespaces[0]?.write(Buffer.alloc(512), { offset: 0, timeoutMs: 60_000 });
  world.target.silent = true;
  const late = namespaces[0]?.read(Buffer.alloc(512), { offset: 0, timeoutMs: 20 });
  await expect(late).rejects.toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
});

it('an attach waits for the end of a cancelled one of the same controller', async () => {
  const { env, target } = world;
  target.connectMs = 200;
  const abort = new AbortController();
  const cancelled = env.attach(memoryId('a'), { signal: abort.signal });
  await pass(20);
  abort.abort();
  const again = env.attach(memoryId('a'));
  await expect(cancelled).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  expect((await again).state).toBe('attached');
});

it('time limits end calls', async () => {
  const { env, target } = world;
  const { namespaces, admin } = await env.attach(memoryId('a'), { keepAliveMs: 0 });
  target.silent = true;
  const timeoutMs = 20;
  const late = { code: 'ERR_SPDK_TIMEOUT' };
  await expect(namespaces[0]?.read(Buffer.alloc(512), { offset: 0, timeoutMs })).rejects.toMatchObject(late);
  await expect(admin.identify(1, 0, { timeoutMs })).rejects.toMatchObject(late);
  await expect(env.attach(memoryId('b'), { timeoutMs })).rejects.toMatchObject(late);
});

it('a path that could not be attached is attached later', async () => {
  const { env, target, simulation } = world;
  const second = simulation.addTarget({ traddr: '127.0.0.2' });
  const [disk] = target.subsystems.get(nqnOf('a'))?.namespaces.values() ?? [];
  if (!disk) throw new Error('No disk');
  second.addSubsystem(nqnOf('a')).shareNamespace(disk);
  second.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
  const ids = [memoryId('a'), memoryId('a').replace('127.0.0.1', '127.0.0.2')];
  const subsystem = await env.attachSubsystem(ids, { reconnectDelayMs: 20, ctrlrLossTimeoutMs: 60_000 });
  await pass(20);
  second.rejection = undefined;
  await once(subsystem, 'pathUp');
  expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
});
