// Compare and Write as one operation, flags of reads and writes, and reservations, with nvmf_tgt. Two hosts are two processes where
// they race, and two controllers with host identities of their own elsewhere.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AttachOptions, type Controller, Environment, type Namespace } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { pollings } from '../integration/support/each-polling.js';
import { killedAtEnd } from '../integration/support/killed-at-end.js';
import { limits } from '../integration/support/limits.js';
import { eventually, rejection, within } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4474' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:commands';
const id = listenerId(listener, nqn);
const block = (text: string) => Buffer.alloc(512, text);
const conflict = { code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 0, sc: 0x83 } };

let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  const core = os.availableParallelism() - 1;
  target = await startSpdkTarget({ listener, core, subsystems: [{ nqn, serial: 'COMMANDS', disk }] });
  ensureHugepages(320);
  env = await Environment.init({ memoryMb: 128, pollers: 1 });
});
afterEach(() => Promise.all(env.controllers.map((controller) => controller.detach())));
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
});

async function attach(options?: AttachOptions): Promise<{ controller: Controller; ns: Namespace }> {
  const controller = await within(limits.attach, env.attach(id, options));
  return { controller, ns: controller.namespaces[0] as Namespace };
}

it('fua and limitedRetry are taken by the target', async () => {
  const { ns } = await attach();
  const options = { offset: 0, fua: true, limitedRetry: true };
  await ns.write(block('kept'), options);
  expect((await ns.read(block(''), options)).equals(block('kept'))).toBe(true);
  await ns.writev([block('a'), block('b')], options);
  const [a, b] = await ns.readv([block(''), block('')], options);
  expect([a?.equals(block('a')), b?.equals(block('b'))]).toEqual([true, true]);
});

it('writeUncorrectable is rejected where the controller does not have it', async () => {
  const { ns } = await attach();
  expect(ns.supports.writeUncorrectable).toBe(false);
  await rejection('ERR_SPDK_UNSUPPORTED', limits.response, ns.writeUncorrectable({ offset: 0, length: 512 }));
});

it('copy works where the controller has it, and is rejected elsewhere', async () => {
  const { ns } = await attach();
  await ns.write(block('copied'), { offset: 512 });
  const copying = ns.copy({ offset: 512, length: 512 }, { offset: 4096 });
  if (!ns.supports.copy) {
    await rejection('ERR_SPDK_UNSUPPORTED', limits.response, copying);
    return;
  }
  await copying;
  expect((await ns.read(block(''), { offset: 4096 })).equals(block('copied'))).toBe(true);
  const range = { offset: 0, length: 512 };
  const many = Array.from({ length: ns.copyLimits.ranges + 1 }, () => range);
  await rejection('ERR_SPDK_INVALID_ARG_VALUE', limits.response, ns.copy(many, { offset: 4096 }));
});

describe('compareAndWrite', () => {
  it.each(pollings)('writes what is as expected, and nothing else, polling %s', async (polling) => {
    const { ns } = await attach({ polling });
    expect(ns.supports.compareAndWrite).toBe(true);
    await ns.write(block('one'), { offset: 0 });
    await ns.compareAndWrite(block('one'), block('two'), { offset: 0 });
    const failed = ns.compareAndWrite(block('one'), block('three'), { offset: 0 });
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_SPDK_IO_FAILED',
      nvmeStatus: { sct: 2, sc: 0x85 },
    });
    expect((await ns.read(block(''), { offset: 0 })).equals(block('two'))).toBe(true);
  });

  it('loses none of 100,000 increments of two processes', { timeout: 120_000 }, async () => {
    const { ns } = await attach();
    await ns.write(Buffer.alloc(512), { offset: 0 });
    const each = 50_000;
    const child = fileURLToPath(new URL('children/increment.mjs', import.meta.url));
    const children = [1, 2].map((host) =>
      killedAtEnd(fork(child, [id, String(each), `nqn.2026-11.dev.spdk-nvme:host${host}`])),
    );
    const failed = new Promise<never>((_, reject) => {
      for (const one of children) {
        one.on('exit', (code) => code !== 0 && reject(new Error(`ended with ${code}`)));
      }
    });
    const messages = () =>
      Promise.race([failed, Promise.all(children.map(async (one) => (await once(one, 'message'))[0]))]);
    expect(await messages()).toEqual(['ready', 'ready']);
    const counted = messages();
    for (const one of children) one.send('go');
    const retries: number[] = await counted;
    expect((await ns.read(Buffer.alloc(512), { offset: 0 })).readUInt32LE(0)).toBe(2 * each);
    // Otherwise the hosts did not compete, and the test has shown nothing.
    expect(Math.max(...retries)).toBeGreaterThan(0);
  });
});

describe('a reservation', () => {
  const [first, second] = [0xa1n, 0xb2n];
  const hosts = [1, 2].map((i) => ({
    hostNqn: `nqn.2026-11.dev.spdk-nvme:host${i}`,
    hostId: `00000000-0000-4000-8000-00000000000${i}`,
  }));

  async function two() {
    const one = await attach(hosts[0]);
    const other = await attach(hosts[1]);
    return { one, other };
  }

  afterEach(async () => {
    const { ns } = await attach({
      hostNqn: 'nqn.2026-11.dev.spdk-nvme:host3',
      hostId: '00000000-0000-4000-8000-000000000003',
    });
    await ns.reservations.register(3n);
    await ns.reservations.clear(3n);
  });

  it('keeps another host from writing, and is reported', async () => {
    const { one, other } = await two();
    await one.ns.reservations.register(first);
    await one.ns.reservations.acquire(first, 'write-exclusive');
    expect(await other.ns.reservations.report()).toMatchObject({
      type: 'write-exclusive',
      persistent: false,
      registrants: [{ holder: true, key: first, hostId: hosts[0]?.hostId }],
    });
    await one.ns.write(block('mine'), { offset: 0 });
    await expect(other.ns.write(block('theirs'), { offset: 0 })).rejects.toMatchObject(conflict);
    expect((await other.ns.read(block(''), { offset: 0 })).equals(block('mine'))).toBe(true);
    await one.ns.reservations.release(first, 'write-exclusive');
    await other.ns.write(block('theirs'), { offset: 0 });
    expect((await one.ns.reservations.report()).type).toBeUndefined();
    await one.ns.reservations.unregister(first);
    expect((await one.ns.reservations.report()).registrants).toEqual([]);
  });

  it('is taken from a host that is fenced, and that hears of it', async () => {
    const { one, other } = await two();
    const heard: string[] = [];
    one.controller.on('reservation', ({ kind, nsid }) => heard.push(`${kind} ${nsid}`));
    await one.ns.reservations.register(first);
    await one.ns.reservations.acquire(first, 'write-exclusive-registrants-only');
    await other.ns.reservations.register(second);
    await other.ns.write(block('both'), { offset: 0 });
    await other.ns.reservations.acquire(second, 'write-exclusive-registrants-only', { preempt: first });
    await expect(one.ns.write(block('late'), { offset: 0 })).rejects.toMatchObject(conflict);
    expect(await eventually(limits.response, () => heard.length > 0)).toBe(true);
    expect(heard[0]).toBe('registration-preempted 1');
    const { registrants } = await other.ns.reservations.report();
    expect(registrants).toMatchObject([{ key: second, holder: true }]);
  });

  it.each(pollings)('rejects compareAndWrite() of a fenced host, polling %s', async (polling) => {
    const fenced = await attach({ ...hosts[0], polling });
    const other = await attach(hosts[1]);
    await other.ns.reservations.register(second);
    await other.ns.reservations.acquire(second, 'write-exclusive');
    // The target rejects the Write, and keeps the Compare until another command arrives.
    for (let i = 0; i < 3; i++) {
      const swap = fenced.ns.compareAndWrite(block('a'), block('b'), { offset: 0 });
      expect(await rejection('ERR_SPDK_IO_FAILED', limits.response, swap)).toMatchObject(conflict);
    }
    await fenced.ns.read(block(''), { offset: 0 });
  });

  it('stays over a reset, and a restart with the same identity', async () => {
    const { one, other } = await two();
    await one.ns.reservations.register(first);
    await one.ns.reservations.acquire(first, 'exclusive-access');
    await one.controller.reset();
    const [again] = one.controller.namespaces;
    await again?.write(block('still'), { offset: 0 });
    await expect(other.ns.read(block(''), { offset: 0 })).rejects.toMatchObject(conflict);
    await one.controller.detach();
    const restarted = await attach(hosts[0]);
    await restarted.ns.write(block('yet'), { offset: 0 });
    await expect(other.ns.write(block('no'), { offset: 0 })).rejects.toMatchObject(conflict);
    await restarted.ns.reservations.replaceKey(first, 7n);
    await restarted.ns.reservations.release(7n, 'exclusive-access');
    await other.ns.read(block(''), { offset: 0 });
  });

  it('is rejected for a key that is not registered, and for what is no key', async () => {
    const { one } = await two();
    const { reservations } = one.ns;
    await expect(reservations.acquire(first, 'write-exclusive')).rejects.toMatchObject(conflict);
    for (const key of [0n, -1n, 2n ** 64n]) {
      await rejection('ERR_SPDK_INVALID_ARG_VALUE', limits.response, reservations.register(key));
    }
    await rejection(
      'ERR_SPDK_INVALID_ARG_TYPE',
      limits.response,
      reservations.register(1 as unknown as bigint),
    );
    const type = 'shared' as never;
    await rejection('ERR_SPDK_INVALID_ARG_VALUE', limits.response, reservations.acquire(first, type));
    const odd = { preempted: 1n } as never;
    await rejection(
      'ERR_SPDK_UNKNOWN_OPTION',
      limits.response,
      reservations.acquire(first, 'write-exclusive', odd),
    );
    expect((await reservations.report()).registrants).toEqual([]);
  });
});
