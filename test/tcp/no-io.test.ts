// Controllers that have no I/O queues: discovery controllers, by their well-known name or another one, and administrative ones.

import os from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Controller, Environment, type SpdkError } from '../../lib/index.js';
import { discoveryNqn } from '../../lib/options/nqn.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { pollings } from '../integration/support/each-polling.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, rejection, within } from '../integration/support/timing.js';
import { type NotingProxy, noteConnects } from './noting-proxy.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4473' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:no-io';

let target: SpdkTarget;
let env: Environment;
const watchers: NotingProxy[] = [];

const id = (subnqn: string, port: number | string = listener.trsvcid) => ({
  ...listener,
  adrfam: 'IPv4',
  trsvcid: String(port),
  subnqn,
});

/** Has Identify Controller say that it is of a type: CNTRLTYPE, 1 for I/O, 2 for discovery, 3 for administration. */
const saying = (controllerType: number) => (page: Buffer) => {
  page[111] = controllerType;
};

/** A port where the target's controllers say that they are of another type. */
async function disguised(controllerType: number): Promise<number> {
  const watcher = await noteConnects(Number(listener.trsvcid));
  watcher.alter(saying(controllerType));
  watchers.push(watcher);
  return watcher.port;
}

/** Expects that an attach is rejected and leaves no resources behind. */
async function expectRejected(attached: Promise<Controller>): Promise<SpdkError> {
  const error = await rejection('ERR_SPDK_NOT_IO_CONTROLLER', limits.attach, attached);
  expect(env.controllers).toEqual([]);
  await expectNoConnections([listener.trsvcid]);
  return error;
}

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'NO-IO', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
  });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
  await (await env.attach(id(nqn), { timeoutMs: 30_000 })).detach();
});
afterEach(() => {
  for (const watcher of watchers.splice(0)) watcher.close();
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

describe.each(pollings)('with polling %s', (mode) => {
  it('a discovery controller is rejected, by the well-known NQN', async () => {
    const error = await expectRejected(env.attach(id(discoveryNqn), { polling: mode, ioQueues: 4 }));
    expect(error.message).toMatch(/a discovery controller/);
  });

  it('a discovery controller is rejected, by another NQN', async () => {
    const error = await expectRejected(env.attach(id(nqn, await disguised(2)), { polling: mode }));
    expect(error.message).toMatch(/a discovery controller/);
  });

  it('an administrative controller is rejected', async () => {
    const error = await expectRejected(env.attach(id(nqn, await disguised(3)), { polling: mode }));
    expect(error.message).toMatch(/an administrative controller/);
  });

  it('a controller that says that it is for I/O is attached', async () => {
    const controller = await within(
      limits.attach,
      env.attach(id(nqn, await disguised(1)), { polling: mode }),
    );
    await controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
    await controller.detach();
  });
});

it('rejections leak nothing, however many', async () => {
  const { memory } = env.stats();
  for (let loop = 0; loop < 100; loop++) {
    expect(await codeOf(env.attach(id(discoveryNqn)))).toBe('ERR_SPDK_NOT_IO_CONTROLLER');
  }
  await expectNoConnections([listener.trsvcid]);
  expect(env.stats().memory.usedBytes - memory.usedBytes).toBeLessThan(1 << 20);
});

it('many at once are rejected, each by itself', async () => {
  const host = (i: number) => ({ hostNqn: `nqn.2026-11.dev.spdk-nvme:discoverer${i}` });
  const codes = await Promise.all(
    Array.from({ length: 8 }, (_, i) => codeOf(env.attach(id(discoveryNqn), host(i)))),
  );
  expect(new Set(codes)).toEqual(new Set(['ERR_SPDK_NOT_IO_CONTROLLER']));
  await expectNoConnections([listener.trsvcid]);
});

it('one that turns into a discovery controller is not reconnected to', async () => {
  const watcher = await noteConnects(Number(listener.trsvcid));
  watchers.push(watcher);
  const controller = await env.attach(id(nqn, watcher.port));
  watcher.alter(saying(2));
  await rejection('ERR_SPDK_NOT_IO_CONTROLLER', limits.attach, controller.reset());
  expect(controller.state).toBe('failed');
  watcher.alter(saying(1));
  await within(limits.attach, controller.reset());
  await controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
  await controller.detach();
  await expectNoConnections([listener.trsvcid]);
});

it('the environment can be closed in the middle of it', async () => {
  const attached = codeOf(env.attach(id(discoveryNqn)));
  await within(limits.detach, env.close());
  expect(['ERR_SPDK_ENV_CLOSED', 'ERR_SPDK_NOT_IO_CONTROLLER']).toContain(await attached);
  await expectNoConnections([listener.trsvcid]);
});
