// Every attach option by its effect, at the target where it has one there: a proxy reads the Connect commands that the
// target is sent, and from where. test/integration/attach-options.test.ts has the same over RDMA.

import os from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttachOptions, type Controller, Environment, spdkVersion } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { release } from '../integration/support/release.js';
import { codeOf, eventually, rejection, timed, within } from '../integration/support/timing.js';
import { keyText } from '../support/keys.js';
import { type NotingProxy, noteConnects } from './noting-proxy.js';
import { listenSilently } from './silent-target.js';

const port = '4468';
const nqn = 'nqn.2026-11.dev.spdk-nvme:options';
const hostNqn = 'nqn.2026-11.dev.spdk-nvme:a-host';
const hostId = '0f5c7d6e-23ab-4c1d-9a10-5b8e6f7a0c01';
/** How long the target holds each read: far longer than the limits of reads, of which that of an Abort lets the read arrive first. */
const heldMs = 1_000;
/** From what SPDK v22.05 to v24.05 ignores, and this package then rejects. */
const sourceAddressWorks = release() < 2205 || release() >= 2409;

/** Options whose tests wait for seconds, and have nothing to do with addresses: over IPv4 only. */
const slow = /^(maxWaiting|reconnectDelayMs|(io|ctrlrLoss|fastIoFail)TimeoutMs|timeoutMs)$/;

let target: SpdkTarget;
let env: Environment;
let capture: NotingProxy;

describe.each([
  { family: 'IPv4', address: '127.0.0.1', otherAddress: '127.0.0.5' },
  { family: 'IPv6', address: '::1', otherAddress: '::1' },
])('over TCP and $family', ({ family, address, otherAddress }) => {
  beforeAll(async () => {
    const disk = { kind: 'delay', sizeMb: 16, blockSize: 512, delayUs: heldMs * 1_000 } as const;
    const listener = { trtype: 'TCP', traddr: address, trsvcid: port } as const;
    const core = os.availableParallelism() - 1;
    target = await startSpdkTarget({ listener, core, subsystems: [{ nqn, serial: 'OPTIONS', disk }] });
    ensureHugepages(128);
    env = await Environment.init({ pollers: 2, memoryMb: 128 });
  });
  beforeEach(async () => {
    capture = await noteConnects(Number(port), address);
  });
  afterEach(async () => {
    await Promise.all(env.controllers.map((controller) => controller.detach()));
    capture.close();
  });
  afterAll(async () => {
    await env?.close();
    await target?.stop('SIGKILL');
  });

  const idOf = (toPort: number) =>
    listenerId({ trtype: 'TCP', traddr: address, trsvcid: String(toPort) }, nqn);

  /** Attaches through the proxy; gives the Connect commands that came of it, the admin queue's first. */
  async function attach(options: AttachOptions) {
    const controller = await within(limits.attach, env.attach(idOf(capture.port), options));
    const [admin, ...io] = capture.connects;
    if (!admin) throw new Error('no Connect was seen');
    return { controller, admin, io };
  }

  /** How each option shows. The compiler sees to it that none is missing. */
  const effects: Record<keyof AttachOptions, () => Promise<void>> = {
    hostNqn: async () => {
      const { admin, io } = await attach({ hostNqn });
      for (const connect of [admin, ...io]) expect(connect.hostNqn).toBe(hostNqn);
    },
    hostId: async () => {
      const { admin, io } = await attach({ hostId });
      for (const connect of [admin, ...io]) expect(connect.hostId).toBe(hostId);
    },
    ioQueues: async () => {
      const { controller, io } = await attach({ ioQueues: 3 });
      expect(controller.info.ioQueues).toBe(3);
      // Newer releases connect them side by side.
      expect(io.map(({ queueId }) => queueId).sort()).toEqual([1, 2, 3]);
    },
    queueDepth: async () => {
      const { controller, io } = await attach({ queueDepth: 17, ioQueues: 2 });
      expect(controller.info.queueDepth).toBe(17);
      expect(io.map(({ queueDepth }) => queueDepth)).toEqual([17, 17]);
    },
    keepAliveMs: async () => {
      const { controller, admin } = await attach({ keepAliveMs: 7_000 });
      expect(admin.keepAliveMs).toBe(7_000);
      await controller.detach();
      capture.connects.length = 0;
      expect((await attach({ keepAliveMs: 0 })).admin.keepAliveMs).toBe(0);
    },
    sourceAddress: async () => {
      if (!sourceAddressWorks) {
        const attached = env.attach(idOf(capture.port), { sourceAddress: otherAddress });
        const { message } = await rejection('ERR_SPDK_UNSUPPORTED', limits.response, attached);
        expect(message).toContain(spdkVersion().text);
        return;
      }
      const { admin, io } = await attach({ sourceAddress: otherAddress, ioQueues: 2 });
      expect([admin, ...io].map(({ sourceAddress }) => sourceAddress)).toEqual(Array(3).fill(otherAddress));
    },
    sourcePort: async () => {
      const attached = env.attach(idOf(capture.port), { sourceAddress: otherAddress, sourcePort: 50_000 });
      await rejection('ERR_SPDK_UNSUPPORTED', limits.response, attached);
      expect(capture.proxy.times).toEqual([]);
    },
    timeoutMs: async () => {
      // The target accepts the connection and waits, as the kernel's does for Connect's data with an unpatched v20.07.
      const silent = await listenSilently(address);
      const attached = env.attach(idOf(silent.port), { timeoutMs: 700 });
      const { value, ms } = await timed(codeOf(attached));
      expect(value).toBe('ERR_SPDK_TIMEOUT');
      expect(ms).toBeGreaterThan(650);
      expect(ms).toBeLessThan(700 + limits.response);
      silent.close();
    },
    signal: async () => {
      const silent = await listenSilently(address);
      const aborter = new AbortController();
      const attached = env.attach(idOf(silent.port), { signal: aborter.signal });
      setTimeout(() => aborter.abort(), 200);
      await rejection('ERR_SPDK_ABORTED', limits.response, attached);
      silent.close();
    },
    polling: async () => {
      const { controller: threads } = await attach({ polling: 'threads', ioQueues: 2 });
      expect(threads.queuePairs.map(({ poller }) => poller).sort()).toEqual([0, 1]);
      await threads.detach();
      const { controller: inline } = await attach({ polling: 'inline', ioQueues: 2 });
      expect(inline.queuePairs.map(({ poller }) => poller)).toEqual([-1, -1]);
      await inline.detach();
      const { controller: adaptive } = await attach({ polling: 'adaptive', ioQueues: 2 });
      expect(adaptive.queuePairs.map(({ poller }) => poller).sort()).toEqual([0, 1]);
    },
    maxWaiting: async () => {
      const { controller } = await attach({ maxWaiting: 1, queueDepth: 2 });
      const read = () =>
        codeOf(
          (controller.namespaces[0] as NonNullable<Controller['namespaces'][0]>).read(Buffer.alloc(512), {
            offset: 0,
          }),
        );
      const codes = await Promise.all(Array.from({ length: 8 }, read));
      expect(codes.filter((code) => code === 'none').length).toBeLessThanOrEqual(4);
      expect(new Set(codes)).toEqual(new Set(['none', 'ERR_SPDK_QUEUE_FULL']));
    },
    ioTimeoutMs: async () => {
      // The target holds each read for longer than this limit.
      const { controller } = await attach({ ioTimeoutMs: 50 });
      const reading = controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
      expect(await codeOf(reading as Promise<unknown>)).toBe('ERR_SPDK_TIMEOUT');
    },
    onTimeout: async () => {
      const { controller } = await attach({ ioTimeoutMs: 300, onTimeout: 'abort' });
      const reading = controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 }) as Promise<unknown>;
      const { outcome } = await rejection('ERR_SPDK_TIMEOUT', limits.response, reading);
      expect(outcome).toBe('aborted');
    },
    ctrlrLossTimeoutMs: async () => {
      const { controller } = await attach({ ctrlrLossTimeoutMs: 1_500, reconnectDelayMs: 200 });
      const failed = new Promise((resolve) => controller.once('failed', resolve));
      const lost = performance.now();
      capture.proxy.accept(false);
      await failed;
      const ms = performance.now() - lost;
      expect(ms).toBeGreaterThan(1_400);
      expect(ms).toBeLessThan(1_500 + limits.unreachable);
    },
    reconnectDelayMs: async () => {
      const delay = 400;
      await attach({ ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: delay });
      capture.proxy.times.length = 0;
      const lost = performance.now();
      capture.proxy.accept(false);
      expect(await eventually(limits.unreachable, () => capture.proxy.times.length >= 4)).toBe(true);
      // An attempt is one connection or two: the package first checks whether the address responds.
      // This thread may notice one of them late, but none early.
      for (const [i, time] of capture.proxy.times.entries())
        expect(time - lost).toBeGreaterThanOrEqual(Math.floor(i / 2) * (delay - 100));
      capture.proxy.accept(true);
      const [controller] = env.controllers;
      expect(await eventually(limits.reset, () => controller?.state === 'attached')).toBe(true);
    },
    fastIoFailTimeoutMs: async () => {
      const { controller } = await attach({
        ctrlrLossTimeoutMs: 60_000,
        reconnectDelayMs: 200,
        fastIoFailTimeoutMs: 600,
      });
      capture.proxy.accept(false);
      await eventually(limits.unreachable, () => controller.state !== 'attached');
      const reading = controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
      const { value, ms } = await timed(codeOf(reading as Promise<unknown>));
      expect(value).toBe('ERR_SPDK_CONTROLLER_FAILED');
      expect(ms).toBeLessThan(600 + limits.stall);
      expect(controller.state).not.toBe('failed');
    },
    stopOnRejection: async () => {
      const policy = { ctrlrLossTimeoutMs: 30_000, reconnectDelayMs: 200, hostNqn };
      const { controller } = await attach({ ...policy, stopOnRejection: true });
      const failed = new Promise<unknown>((resolve) => controller.once('failed', resolve));
      const rejected: unknown[] = [];
      controller.on('reconnectFailed', (error) => rejected.push(error));
      await target.call('nvmf_subsystem_allow_any_host', { nqn, allow_any_host: false });
      try {
        capture.proxy.cut();
        const { value: error } = await timed(within(limits.unreachable, failed));
        expect(error).toMatchObject({
          code: 'ERR_SPDK_CONNECT_REJECTED',
          nvmeStatus: { sct: 1, sc: 0x84, dnr: true },
        });
        expect(rejected).toHaveLength(1);
        expect(controller.state).toBe('failed');
      } finally {
        await target.call('nvmf_subsystem_allow_any_host', { nqn, allow_any_host: true });
      }
    },
    headerDigest: async () => {
      await attach({ headerDigest: true });
      expect(capture.digests).toEqual([
        { header: true, data: false },
        { header: true, data: false },
      ]);
    },
    dataDigest: async () => {
      await attach({ dataDigest: true });
      expect(capture.digests).toEqual([
        { header: false, data: true },
        { header: false, data: true },
      ]);
    },
    transportAckTimeout: async () => {
      const attached = env.attach(idOf(capture.port), { transportAckTimeout: 10 });
      if (release() < 2205) {
        const { message } = await rejection('ERR_SPDK_UNSUPPORTED', limits.response, attached);
        expect(message).toContain('v22.05');
        expect(capture.proxy.times).toEqual([]);
        return;
      }
      await attached;
      // The kernel has it as TCP_USER_TIMEOUT, of a socket that only SPDK has: its effect is not seen here.
    },
    transportRetryCount: async () => {
      const attached = env.attach(idOf(capture.port), { transportRetryCount: 1 });
      await rejection('ERR_SPDK_CONFLICTING_OPTIONS', limits.response, attached);
    },
    tos: async () => {
      const attached = env.attach(idOf(capture.port), { tos: 8 });
      await rejection('ERR_SPDK_CONFLICTING_OPTIONS', limits.response, attached);
    },
    // The target asks for neither. authentication.test.ts has targets that do.
    dhchap: async () => {
      const key = Buffer.from(keyText('dhchap', '01', 32));
      const dhchap = { key, controllerKey: key, groups: ['ffdhe2048'] } as const;
      await keysRejected({ dhchap }, 'ERR_SPDK_AUTHENTICATION_FAILED');
    },
    tls: async () => {
      const psk = Buffer.from(keyText('tls', '01', 32));
      // The proxy passes on nothing that is no PDU: the handshake gets no response.
      await keysRejected({ tls: { psk }, timeoutMs: 700 }, 'ERR_SPDK_TIMEOUT');
    },
  };
  const keysRejected = async (options: AttachOptions, since2405: Parameters<typeof rejection>[0]) => {
    const code = release() >= 2405 ? since2405 : 'ERR_SPDK_UNSUPPORTED';
    await rejection(code, limits.attach, env.attach(idOf(capture.port), options));
  };

  const here = Object.entries(effects).filter(([name]) => family === 'IPv4' || !slow.test(name));
  it.each(here)('%s', (_, effect) => effect());

  it('the data of Connect is in its capsule, where the kernel’s target wants it', async () => {
    const { admin, io } = await attach({ ioQueues: 2 });
    const { patches } = spdkVersion();
    const inside = release() >= 2010 || patches.includes('tcp-connect-in-capsule');
    expect(admin.inCapsule).toBe(inside);
    for (const connect of io) expect(connect.inCapsule).toBe(true);
    expect(admin).toMatchObject({ queueId: 0, subsystemNqn: nqn });
  });

  it('a source address that no interface has is called that', async () => {
    const nobodys = address.includes(':') ? 'fd77:77::77' : '192.0.2.77';
    const attached = env.attach(idOf(capture.port), { sourceAddress: nobodys });
    const code = sourceAddressWorks ? 'ERR_SPDK_UNREACHABLE' : 'ERR_SPDK_UNSUPPORTED';
    const { message } = await rejection(code, limits.response, attached);
    if (sourceAddressWorks) expect(message).toContain(`sourceAddress ${nobodys}`);
    expect(capture.connects).toEqual([]);
  });

  it('a source address is kept by the connections of a reset', async () => {
    if (!sourceAddressWorks) return;
    const { controller } = await attach({ sourceAddress: otherAddress });
    capture.connects.length = 0;
    await controller.reset();
    expect(capture.connects.map(({ sourceAddress }) => sourceAddress)).toEqual([otherAddress, otherAddress]);
  });
});
