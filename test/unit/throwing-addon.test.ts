// Whatever call into native code throws: the caller's promise is rejected with a code, nothing is left behind that
// ends the process later, and what is not broken goes on working.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Controller, Environment } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import type { NativeAddon, NativeController, NativeEnvironment } from '../../lib/native/contract.js';
import { MemoryAddon } from '../../lib/testing/addon.js';
import type { MemoryTarget } from '../../lib/testing/target.js';
import { useFakeEventLoop } from '../support/fake-event-loop.js';
import { memoryId } from './memory/fixture.js';

type Throwing = Set<keyof NativeAddon | keyof NativeEnvironment | keyof NativeController>;

const thrown = new Error('native code threw');

/** The same object, with methods that throw while their names are in the set. */
function faulty<Target extends object>(target: Target, throwing: Set<PropertyKey>): Target {
  return new Proxy(target, {
    get: (_, key) => {
      const value = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        if (throwing.has(key)) throw thrown;
        const result = Reflect.apply(value, target, given);
        return key === 'attach' && result ? faulty(result, throwing) : result;
      };
    },
  });
}

let memory: MemoryAddon;
let target: MemoryTarget;
let throwing: Throwing;
let unhandled: unknown[];
const note = (error: unknown) => unhandled.push(error);

beforeEach(() => {
  useFakeEventLoop();
  memory = new MemoryAddon();
  target = memory.addTarget();
  target.addSubsystem('nqn.2026-01.io.spdk:a').addNamespace(1, { blocks: 64 });
  throwing = new Set();
  unhandled = [];
  const addon: NativeAddon = {
    version: memory.version,
    processHostId: memory.processHostId,
    guards: memory.guards,
    BufferPool: memory.BufferPool,
    readKernelKey: () => memory.readKernelKey(),
    open: (request) =>
      faulty(memory as NativeAddon, throwing).open({
        ...request,
        opened: (failure, env) => request.opened(failure, env && faulty(env, throwing)),
      }),
  };
  useAddon(addon);
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  throwing.clear();
  await vi.advanceTimersByTimeAsync(10_000);
  process.off('unhandledRejection', note);
  vi.useRealTimers();
  useAddon(undefined);
  expect(unhandled).toEqual([]);
});

/** Lets time pass until the promise is settled; gives its error. */
async function rejected(promise: Promise<unknown>): Promise<unknown> {
  const ended = promise.then(
    () => 'not rejected',
    (error: unknown) => error,
  );
  await vi.advanceTimersByTimeAsync(20_000);
  return ended;
}

async function done<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  await vi.advanceTimersByTimeAsync(100);
  return promise;
}

async function attached(): Promise<{ env: Environment; controller: Controller }> {
  const env = await done(Environment.init());
  const controller = await done(env.attach(memoryId('a')));
  return { env, controller };
}

const internal = {
  code: 'ERR_SPDK_INTERNAL',
  cause: thrown,
  message: expect.stringContaining(thrown.message),
};

describe('native code that throws in', () => {
  it('open: init() rejects at once, and the next one works', async () => {
    throwing.add('open');
    expect(await rejected(Environment.init())).toMatchObject(internal);
    expect(vi.getTimerCount()).toBe(0);
    throwing.clear();
    await done((await done(Environment.init())).close());
  });

  it('pins: init() rejects, and what was opened is closed', async () => {
    throwing.add('pins');
    expect(await rejected(Environment.init())).toMatchObject(internal);
    throwing.clear();
    await done((await done(Environment.init())).close());
  });

  it('attach: attach() rejects at once, and the next one works', async () => {
    const env = await done(Environment.init());
    throwing.add('attach');
    expect(await rejected(env.attach(memoryId('a')))).toMatchObject(internal);
    throwing.clear();
    expect((await done(env.attach(memoryId('a')))).state).toBe('attached');
    await done(env.close());
  });

  it.each(['info', 'attachReport', 'namespaces', 'queuePairs', 'id'] as const)(
    '%s: attach() rejects, and the controller is given back',
    async (method) => {
      const env = await done(Environment.init());
      throwing.add(method);
      expect(await rejected(env.attach(memoryId('a')))).toMatchObject(internal);
      throwing.clear();
      expect(env.controllers).toEqual([]);
      const again = await done(env.attach(memoryId('a')));
      expect(again.state).toBe('attached');
      await done(env.close());
    },
  );

  it('admin: send() rejects at once', async () => {
    const { env, controller } = await attached();
    throwing.add('admin');
    expect(await rejected(controller.admin.send({ opcode: 6, dataLength: 4096 }))).toMatchObject(internal);
    expect(await rejected(controller.admin.logPage(2, 512))).toMatchObject(internal);
    throwing.clear();
    await done(controller.admin.identify());
    await done(env.close());
  });

  it('reset: reset() rejects at once, and the next one works', async () => {
    const { env, controller } = await attached();
    throwing.add('reset');
    expect(await rejected(controller.reset())).toMatchObject(internal);
    throwing.clear();
    expect(await done(controller.reset())).toMatchObject({ attempts: 1 });
    await done(env.close());
  });

  it('detach: detach() rejects at once, the controller is as it was, and the next one works', async () => {
    const { env, controller } = await attached();
    throwing.add('detach');
    expect(await rejected(controller.detach())).toMatchObject(internal);
    throwing.clear();
    const buffer = Buffer.alloc(512);
    expect(await done(controller.namespaces[0]?.read(buffer, { offset: 0 }) ?? Promise.reject())).toBe(
      buffer,
    );
    expect(await done(controller.detach())).toMatchObject({ completed: 0, aborted: 0 });
    await done(env.close());
  });

  it.each(['wedge', 'stacks'] as const)('%s: a detach that is stuck rejects all the same', async (method) => {
    const { env, controller } = await attached();
    for (const { controllers } of memory.environments) for (const one of controllers) one.stuck = true;
    throwing.add(method);
    expect(await rejected(controller.detach({ timeoutMs: 1_000 }))).toMatchObject({
      code: 'ERR_SPDK_WEDGED',
    });
    throwing.clear();
    expect(await rejected(env.close())).toMatchObject({ code: 'ERR_SPDK_WEDGED' });
  });

  it.each(['cancelAttach', 'forceDisconnect'] as const)(
    '%s: an attach to nowhere ends on time',
    async (method) => {
      const env = await done(Environment.init());
      target.connectMs = 60_000;
      throwing.add(method);
      const attach = env.attach(memoryId('a'), { timeoutMs: 500 });
      expect(await rejected(attach)).toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
      throwing.clear();
      await rejected(env.close());
    },
  );

  it('close: close() rejects at once', async () => {
    const { env } = await attached();
    throwing.add('close');
    expect(await rejected(env.close())).toMatchObject(internal);
  });
});

it('an environment that opens after its time is closed again', async () => {
  useAddon({
    version: memory.version,
    processHostId: memory.processHostId,
    guards: memory.guards,
    BufferPool: memory.BufferPool,
    readKernelKey: () => memory.readKernelKey(),
    open: (request) => setTimeout(() => memory.open(request), 130_000),
  });
  const init = Environment.init().catch((error: unknown) => error);
  // And a turn of the event loop, which takes a millisecond here.
  await vi.advanceTimersByTimeAsync(120_001);
  expect(await init).toMatchObject({ code: 'ERR_SPDK_ENV_INIT_FAILED' });
  await vi.advanceTimersByTimeAsync(20_000);
  useAddon(memory);
  await done((await done(Environment.init())).close());
});
