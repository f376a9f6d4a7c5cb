// The caller of env.attach() has the controller, and a turn to add listeners, before anything is emitted about it.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Controller, Environment } from '../../lib/index.js';
import { eventLoop } from '../../lib/internal/event-loop.js';
import { HeldEvents } from '../../lib/internal/held-events.js';
import { useAddon } from '../../lib/native/addon.js';
import type { NativeAttachRequest } from '../../lib/native/contract.js';
import { MemoryAddon } from '../../lib/testing/addon.js';
import { controllerEvents } from '../support/controller-events.js';
import { memoryId } from './memory/fixture.js';

let env: Environment;
/** What native code reports together with the success of the attach. */
let more: (request: NativeAttachRequest) => void;
const noTime = { drainMs: 0, disconnectMs: 0, lingerMs: 0, destroyMs: 0, totalMs: 0 };
/** Native code reports the end of a detach in the turn in which it was requested. */
let detachesAtOnce = false;

beforeEach(async () => {
  detachesAtOnce = false;
  const memory = new MemoryAddon();
  memory.addTarget().addSubsystem('nqn.2026-01.io.spdk:a').addNamespace(1, { blocks: 64 });
  useAddon({
    version: memory.version,
    processHostId: memory.processHostId,
    guards: memory.guards,
    BufferPool: memory.BufferPool,
    readKernelKey: () => memory.readKernelKey(),
    open: (request) =>
      memory.open({
        ...request,
        opened: (failure, native) => {
          const { attach } = native ?? {};
          if (native && attach) {
            native.attach = (given) => {
              const attached: NativeAttachRequest['attached'] = (rejection) => {
                given.attached(rejection);
                more(given);
              };
              const controller = attach.call(native, { ...given, attached });
              if (controller && detachesAtOnce) {
                const detach = controller.detach.bind(controller);
                controller.detach = (asked) => {
                  detach({ ...asked, done: () => {} });
                  queueMicrotask(() => asked.done(noTime));
                };
              }
              return controller;
            };
          }
          request.opened(failure, native);
        },
      }),
  });
  env = await Environment.init();
});
afterEach(async () => {
  await env.close();
  useAddon(undefined);
});

const failure = { code: 'ERR_SPDK_CONTROLLER_FAILED', message: 'the link died' };
const step = { number: 1, attempts: 1, disconnectMs: 0, connectMs: 0, totalMs: 0 };

/** Notes the events of a controller, and of its environment about it, from now on. */
function listen(controller: Controller, heard: string[]): void {
  for (const name of controllerEvents) controller.on(name, () => heard.push(name));
}

describe('the events of a controller', () => {
  it('come before detach() is done, when it follows attach() at once', async () => {
    more = () => {};
    detachesAtOnce = true;
    const heard: string[] = [];
    const onMessage = () => heard.push('message');
    subscribe('spdk-nvme:detach', onMessage);
    env.on('attached', () => heard.push('env attached')).on('detached', () => heard.push('env detached'));
    const attaching = env.attach(memoryId('a'));
    // In the turn of the attach.
    await attaching.then((controller) => {
      listen(controller, heard);
      return controller.detach();
    });
    unsubscribe('spdk-nvme:detach', onMessage);
    expect(heard.filter((name) => name !== 'state')).toEqual([
      'env attached',
      'env detached',
      'message',
      'detached',
    ]);
  });

  it('come after attach() has resolved, all of them and in order', async () => {
    more = (request) => {
      request.stateChanged('resetting');
      request.resetStep({ kind: 'begun', failure, ...step });
      request.resetStep({ kind: 'attemptFailed', failure, ...step });
      request.resetStep({ kind: 'failingFast', failure: null, ...step });
      request.resetStep({ kind: 'done', failure: null, ...step });
      request.stateChanged('failed');
      request.failed(failure);
    };
    const heard: string[] = [];
    env.on('attached', () => heard.push('env attached'));
    env.on('failed', (_, error) => heard.push(`env failed ${error.code}`));
    const controller = await env.attach(memoryId('a'));
    // As an async function of the program's own would: some microtasks later.
    for (let i = 0; i < 10; i++) await undefined;
    expect(heard).toEqual([]);
    listen(controller, heard);
    await turn();
    expect(heard).toEqual([
      'env attached',
      'state',
      'resetting',
      'reconnectFailed',
      'failingFast',
      'reset',
      'state',
      'failed',
      'env failed ERR_SPDK_CONTROLLER_FAILED',
    ]);
  });

  it('are lost neither by a detach that is quicker than they are', async () => {
    more = () => {};
    const heard: string[] = [];
    env.on('attached', () => heard.push('env attached'));
    env.on('detached', () => heard.push('env detached'));
    const controller = await env.attach(memoryId('a'));
    listen(controller, heard);
    await controller.detach();
    expect(heard).toEqual(['env attached', 'state', 'state', 'state', 'state', 'env detached', 'detached']);
    expect(env.controllers).toEqual([]);
  });
});

describe('events that are held', () => {
  it('come in order, also what a listener causes', async () => {
    const events = new HeldEvents();
    const heard: number[] = [];
    events.announce(() => {
      heard.push(1);
      events.announce(() => heard.push(3));
    });
    events.announce(() => heard.push(2));
    events.release();
    expect(heard).toEqual([]);
    await turn();
    events.announce(() => heard.push(4));
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  it('come in spite of a listener that throws, whose error is the program’s alone', async () => {
    const thrown = takeThrown();
    const events = new HeldEvents();
    const heard: number[] = [];
    events.release();
    await turn();
    events.announce(() => {
      events.announce(() => heard.push(2));
      throw new Error('a listener’s');
    });
    expect(heard).toEqual([2]);
    expect(thrown()).toEqual(['a listener’s']);
  });

  it('come to the environment in spite of a listener of the controller that throws, and the other way', async () => {
    let request: NativeAttachRequest | undefined;
    more = (given) => {
      request = given;
    };
    const controller = await env.attach(memoryId('a'));
    await turn();
    const thrown = takeThrown();
    const heard: string[] = [];
    const noteAndThrow = (what: string) => () => {
      heard.push(what);
      throw new Error(what);
    };
    controller.on('failed', noteAndThrow('failed'));
    controller.on('detached', noteAndThrow('detached'));
    env.on('failed', noteAndThrow('env failed'));
    env.on('detached', noteAndThrow('env detached'));
    request?.failed({ code: 'ERR_SPDK_CONTROLLER_FAILED', message: 'gone' });
    await controller.detach();
    await turn();
    const all = ['failed', 'env failed', 'env detached', 'detached'];
    expect(heard).toEqual(all);
    expect(thrown()).toEqual(all);
    expect(env.controllers).toEqual([]);
  });
});

/** What listeners throw from now on would end this process. */
function takeThrown(): () => string[] {
  const tasks = vi.spyOn(eventLoop, 'queueMicrotask').mockImplementation(() => {});
  return () => {
    const thrown = tasks.mock.calls.flatMap(([task]) => {
      try {
        task();
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
    tasks.mockRestore();
    return thrown;
  };
}
