// Who this host is to a target, and several controllers of one subsystem, each as another host.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttachOptions, type Controller, Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { pollings } from '../integration/support/each-polling.js';
import { limits } from '../integration/support/limits.js';
import { release } from '../integration/support/release.js';
import { codeOf, rejection, within } from '../integration/support/timing.js';
import { type NotingProxy, noteConnects } from './noting-proxy.js';

const machine = vi.hoisted(() => ({ folder: '/nonexistent', reads: 0 }));
vi.mock('../../lib/options/host-identity.js', async (original) => {
  const real = await original<typeof import('../../lib/options/host-identity.js')>();
  const readers = new Map<string, ReturnType<typeof real.machineFiles>>();
  const read = () => {
    machine.reads += 1;
    const reader = readers.get(machine.folder) ?? real.machineFiles(machine.folder);
    readers.set(machine.folder, reader);
    return reader();
  };
  return { ...real, machineFiles: () => read };
});

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4474' } as const;
const nqns = { open: 'nqn.2026-11.dev.spdk-nvme:shared', closed: 'nqn.2026-11.dev.spdk-nvme:shared-by-two' };
const hostNqn = (name: string) => `nqn.2026-11.dev.spdk-nvme:host-${name}`;
const [alice, bob, eve] = [hostNqn('alice'), hostNqn('bob'), hostNqn('eve')];

let target: SpdkTarget;
let env: Environment;
let watcher: NotingProxy;

beforeAll(async () => {
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      { nqn: nqns.open, serial: 'OPEN', disk },
      { nqn: nqns.closed, serial: 'CLOSED', disk, allowedHosts: [alice, bob] },
    ],
  });
  ensureHugepages(256);
  env = await Environment.init({ memoryMb: 256 });
  await (await env.attach({ ...listener, subnqn: nqns.open }, { timeoutMs: 30_000 })).detach();
});
beforeEach(async () => {
  watcher = await noteConnects(Number(listener.trsvcid));
});
afterEach(async () => {
  await Promise.all(env.controllers.map((controller) => controller.detach()));
  await expectNoConnections([listener.trsvcid]);
  watcher.close();
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

const attach = (options: AttachOptions = {}, subnqn: string = nqns.open) =>
  within(limits.attach, env.attach({ ...listener, trsvcid: watcher.port, subnqn }, options));

/** Who a controller or a Connect command says that it comes from. */
const hostOf = ({ hostNqn, hostId }: { hostNqn: string; hostId: string }) => ({ hostNqn, hostId });
const seenOf = (nqn: string) => watcher.connects.filter(({ hostNqn }) => hostNqn === nqn).map(hostOf);

/** The controller's host as the target sees it: Get Features, Host Identifier, in its extended form. */
async function hostIdAtTarget(controller: Controller): Promise<string> {
  const { data } = await controller.admin.send({
    opcode: 0x0a,
    cdw: [0x81, 1],
    dataLength: 16,
  });
  return data.toString('hex');
}

/** Writes a block through the controller and reads it back. */
async function works(controller: Controller, byte: number): Promise<void> {
  const [namespace] = controller.namespaces;
  const block = Buffer.alloc(512, byte);
  await namespace?.write(block, { offset: byte * 512 });
  expect((await namespace?.read(Buffer.alloc(512), { offset: byte * 512 }))?.equals(block)).toBe(true);
}

describe('one subsystem', () => {
  it.each(pollings)('is attached as several hosts at once, polling %s', async (polling) => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const controllers = await Promise.all(
      names.map((name) => attach({ hostNqn: hostNqn(name), polling, ioQueues: 2 })),
    );
    expect(env.controllers).toHaveLength(names.length);
    expect(new Set(controllers.map(({ info }) => info.cntlid)).size).toBe(names.length);
    for (const [i, controller] of controllers.entries()) {
      expect(controller.hostNqn).toBe(hostNqn(names[i] as string));
      expect(await hostIdAtTarget(controller)).toBe(controller.hostId.replaceAll('-', ''));
      await works(controller, i);
      // The admin queue and both I/O queues.
      expect(seenOf(controller.hostNqn)).toEqual(Array(3).fill(hostOf(controller)));
    }
    expect(watcher.connects).toHaveLength(3 * names.length);
  });

  it('is attached under as many host identifiers as one likes', async () => {
    const hostIds = [1, 2, 3].map((digit) => `${digit}`.repeat(8).concat('-1111-4111-8111-111111111111'));
    const controllers = [];
    for (const hostId of hostIds) controllers.push(await attach({ hostNqn: alice, hostId }));
    for (const [i, controller] of controllers.entries()) {
      expect(controller.hostId).toBe(hostIds[i]);
      expect(await hostIdAtTarget(controller)).toBe(controller.hostId.replaceAll('-', ''));
    }
  });

  it('is attached without a look at the files of this machine if both names of the host are given', async () => {
    machine.reads = 0;
    const [nqn, hostId] = [hostNqn('named'), '99999999-1111-4111-8111-111111111111'];
    await (await attach({ hostNqn: nqn, hostId })).detach();
    expect(machine.reads).toBe(0);
    await (await attach({ hostNqn: nqn })).detach();
    expect(machine.reads).toBe(1);
  });

  it('is attached by one host from several addresses, where SPDK can choose them', async () => {
    const addresses = ['127.0.0.2', '127.0.0.3'];
    if (release() >= 2205 && release() < 2409) {
      const [sourceAddress] = addresses;
      await rejection('ERR_SPDK_UNSUPPORTED', limits.response, attach({ sourceAddress }));
      return;
    }
    const [first, second] = await Promise.all(addresses.map((sourceAddress) => attach({ sourceAddress })));
    const third = await attach();
    const sources = () => watcher.connects.map(({ sourceAddress }) => sourceAddress);
    expect(sources().toSorted()).toEqual([
      '127.0.0.1',
      '127.0.0.1',
      ...addresses.flatMap((one) => [one, one]),
    ]);
    await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, attach({ sourceAddress: addresses[1] }));
    await first?.detach();
    await second?.reset();
    expect(sources().slice(6)).toEqual([addresses[1], addresses[1]]);
    for (const controller of [second, third]) await works(controller as Controller, 6);
  });

  it('is rejected for the same host, however it is named, and others change nothing about that', async () => {
    const first = await attach({ hostNqn: alice });
    const second = await attach({ hostNqn: bob });
    const own = await attach();
    for (const options of [
      { hostNqn: alice },
      { hostNqn: alice, hostId: first.hostId.toUpperCase() },
      { hostNqn: bob, polling: 'inline', ioQueues: 3 },
      {},
      { hostNqn: own.hostNqn },
      { hostId: own.hostId },
    ] as const) {
      await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, attach(options));
    }
    await first.detach();
    await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, attach({ hostNqn: bob }));
    await works(await attach({ hostNqn: alice }), 1);
    await works(second, 2);
  });

  it('goes on for one host while another is detached, reset, and rejected', async () => {
    const [a, b] = await Promise.all([
      attach({ hostNqn: alice }, nqns.closed),
      attach({ hostNqn: bob }, nqns.closed),
    ]);
    let stop = false;
    let reads = 0;
    const load = (async () => {
      while (!stop) {
        await b.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
        reads++;
      }
    })();
    const { cntlid } = b.info;
    const states: string[] = [];
    b.on('state', (state) => states.push(state));
    await within(limits.attach, a.reset());
    await works(a, 3);
    await rejection(
      'ERR_SPDK_CONNECT_REJECTED',
      limits.attach,
      env.attach({ ...listener, subnqn: nqns.closed }, { hostNqn: eve }),
    );
    await a.detach();
    const again = await attach({ hostNqn: alice }, nqns.closed);
    const before = reads;
    await sleep(50);
    stop = true;
    await load;
    expect(reads).toBeGreaterThan(before);
    expect(states).toEqual([]);
    expect(b.info.cntlid).toBe(cntlid);
    expect(await hostIdAtTarget(b)).toBe(b.hostId.replaceAll('-', ''));
    expect(await hostIdAtTarget(again)).toBe(again.hostId.replaceAll('-', ''));
    expect(seenOf(bob)).toHaveLength(2);
    // Two attaches and a reset.
    expect(seenOf(alice)).toHaveLength(6);
  });

  it('reconnects as the same host', async () => {
    const policy = { ctrlrLossTimeoutMs: 10_000, reconnectDelayMs: 100 };
    const controllers = await Promise.all(
      [alice, bob].map((nqn) => attach({ hostNqn: nqn, ...policy }, nqns.closed)),
    );
    const back = controllers.map((controller) => new Promise((resolve) => controller.once('reset', resolve)));
    watcher.connects.length = 0;
    watcher.proxy.cut();
    await Promise.all(back);
    for (const [i, controller] of controllers.entries()) {
      expect(await hostIdAtTarget(controller)).toBe(controller.hostId.replaceAll('-', ''));
      await works(controller, i);
      expect(seenOf(controller.hostNqn)).toHaveLength(2);
    }
  });

  it('may be attached as about thirty hosts, and as one more when one has gone', async () => {
    const controllers: Controller[] = [];
    let code = 'none';
    for (let i = 0; code === 'none'; i++) {
      code = await codeOf(
        attach({ hostNqn: hostNqn(`${i}`) }).then((controller) => controllers.push(controller)),
      );
    }
    expect(code).toBe('ERR_SPDK_UNSUPPORTED');
    expect(controllers.length).toBeGreaterThanOrEqual(28);
    for (const controller of [0, 13, 27].map((i) => controllers[i] as Controller)) await works(controller, 5);
    await controllers.splice(13, 1)[0]?.detach();
    const last = await attach({ hostNqn: alice });
    expect(await hostIdAtTarget(last)).toBe(last.hostId.replaceAll('-', ''));
  });
});

describe('a host that says nothing of itself', () => {
  const files = {
    hostnqn: 'nqn.2014-08.org.nvmexpress:uuid:b1cc6dd6-05ba-4e39-a6a8-a5c0e54d5d13',
    hostid: '8f3b416d-81bd-47ac-95c5-78f60a9dd181',
  };
  beforeEach(() => {
    machine.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'etc-nvme-'));
  });
  afterEach(() => fs.rmSync(machine.folder, { recursive: true }));
  const write = (name: keyof typeof files, text: string = `${files[name]}\n`) =>
    fs.writeFileSync(path.join(machine.folder, name), text);

  it('is who the files of /etc/nvme say, from the next attach on', async () => {
    const before = await attach();
    write('hostnqn');
    write('hostid');
    const controller = await attach();
    expect([controller.hostNqn, controller.hostId]).toEqual([files.hostnqn, files.hostid]);
    expect(watcher.connects.map(hostOf)).toContainEqual(hostOf(controller));
    expect(await hostIdAtTarget(controller)).toBe(files.hostid.replaceAll('-', ''));
    expect(before.hostNqn).not.toBe(files.hostnqn);
    // The same one by its name.
    await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, attach({ hostNqn: files.hostnqn }));
  });

  it('is one of its own without them, the same for the process', async () => {
    const controller = await attach();
    expect(controller.hostNqn).toBe(`nqn.2014-08.org.nvmexpress:uuid:${controller.hostId}`);
    expect(watcher.connects.map(hostOf)).toEqual([hostOf(controller), hostOf(controller)]);
    await controller.detach();
    expect((await attach()).hostNqn).toBe(controller.hostNqn);
  });

  it('is attached in spite of a file that makes no sense, which is logged once', async () => {
    const lines: string[] = [];
    const listen = ({ level, message }: { level: string; message: string }) =>
      lines.push(`${level}: ${message}`);
    env.on('log', listen);
    write('hostnqn', 'whoever\n');
    write('hostid');
    const controller = await attach();
    expect(controller.hostNqn).toBe(`nqn.2014-08.org.nvmexpress:uuid:${files.hostid}`);
    await controller.detach();
    await attach();
    env.off('log', listen);
    const own = lines.filter((line) => line.includes(machine.folder));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(/^warn: .*hostnqn is not used: /);
  });
});
