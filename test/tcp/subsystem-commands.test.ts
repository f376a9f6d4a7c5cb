// Commands over two paths to nvmf_tgt, each through a proxy of its own: they do what they do over one, and when their path is lost those
// that must not be sent twice end with a code, and the others go over the other path.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Subsystem, SubsystemNamespace } from '../../lib/index.js';
import { limits } from '../integration/support/limits.js';
import { codeOf, eventually } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';
import { commandIn, isFabrics } from './pdu.js';
import { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:two-paths';
const port = 4498;
const local = localTarget({
  port: String(port),
  subsystems: [{ nqn, serial: 'TWOPATHS', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1 },
});
const key = 0xa1n;
const block = (text: string) => Buffer.alloc(512, text);
const conflict = { code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 0, sc: 0x83 } };
const different = { code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 2, sc: 0x85 } };

/** The I/O command that the first proxy keeps, with all that follows; none yet. */
let kept: number | undefined;
let proxies: readonly [PduProxy, PduProxy];
let subsystem: Subsystem;
let ns: SubsystemNamespace;

async function proxy(keeps: () => number | undefined): Promise<PduProxy> {
  const hooks = () => {
    let forIo = false;
    const fromHost = (pdu: Buffer) => {
      const command = commandIn(pdu);
      if (command && isFabrics(command, 'connect')) forIo = command.readUInt16LE(42) > 0;
      return command && forIo && command[0] === keeps() ? ('this' as const) : undefined;
    };
    return { fromHost };
  };
  return PduProxy.start({ targetPort: port, hooks });
}

const pathsAre = (...states: string[]) =>
  eventually(limits.attach, () => subsystem.paths.map(({ state }) => state).join() === states.join());

beforeEach(async () => {
  kept = undefined;
  proxies = [await proxy(() => kept), await proxy(() => undefined)];
  const ids = proxies.map((one) => local.id(nqn, one.port));
  subsystem = await local.env.attachSubsystem(ids, { reconnectDelayMs: 100, ioQueues: 1 });
  expect(await pathsAre('up', 'up')).toBe(true);
  ns = subsystem.namespaces[0] as SubsystemNamespace;
  subsystem.prefer(subsystem.paths[0]);
});
afterEach(async () => {
  await subsystem?.detach({ drainMs: 0 });
  for (const one of proxies) one.close();
});

const text = async (offset: number) => (await ns.read(block(''), { offset })).toString('latin1', 0, 4);
const rawWrite = (what: string, first: number) =>
  ns.raw({ opcode: 0x01, cdw: [first, 0, 0], data: block(what) });

it('over either path they do what they do over one', async () => {
  for (const path of subsystem.paths) {
    subsystem.prefer(path);
    await rawWrite('raw ', 8);
    const data = block('');
    await ns.raw({ opcode: 0x02, cdw: [8, 0, 0], data });
    expect(data.equals(block('raw '))).toBe(true);
    await ns.write(block('one '), { offset: 0 });
    await ns.compareAndWrite(block('one '), block('two '), { offset: 0 });
    await expect(ns.compareAndWrite(block('one '), block('no  '), { offset: 0 })).rejects.toMatchObject(
      different,
    );
    expect(await text(0)).toBe('two ');
    expect(await codeOf(ns.zones.report())).toBe('ERR_SPDK_UNSUPPORTED');
  }
});

it('a reservation is that of the host, over whichever path it was made', async () => {
  const theirs = { hostNqn: `${nqn}-other`, hostId: '00000000-0000-4000-8000-00000000000b' };
  const other = await local.env.attach(local.id(nqn), theirs);
  const write = () => other.namespaces[0]?.write(block('no'), { offset: 0 });
  const [first, second] = subsystem.paths;
  await ns.reservations.register(key);
  subsystem.prefer(second);
  await ns.reservations.acquire(key, 'write-exclusive');
  await ns.write(block('mine'), { offset: 0 });
  await expect(write()).rejects.toMatchObject(conflict);
  expect((await ns.reservations.report()).registrants).toHaveLength(1);
  proxies[1].accept(false);
  expect(await pathsAre('up', 'reconnecting')).toBe(true);
  await ns.write(block('kept'), { offset: 0 });
  await expect(write()).rejects.toMatchObject(conflict);
  subsystem.prefer(first);
  await ns.reservations.release(key, 'write-exclusive');
  await ns.reservations.unregister(key);
  await write();
  await other.detach();
});

/** Opcode, the operation, and what blocks 0 and 8 hold afterwards. */
type Case = readonly [string, number, () => Promise<unknown>, string];
const before = 'old old ';
const once: readonly Case[] = [
  ['a raw write', 0x01, () => rawWrite('new ', 0), before],
  ['a raw read', 0x02, () => ns.raw({ opcode: 0x02, cdw: [0, 0, 0], data: block('') }), before],
  ['compareAndWrite', 0x05, () => ns.compareAndWrite(block('old '), block('new '), { offset: 0 }), before],
  ['register', 0x0d, () => ns.reservations.register(key), before],
];
const zeroes = '\0\0\0\0old ';
const repeated: readonly Case[] = [
  ['read', 0x02, () => ns.read(block(''), { offset: 0 }), before],
  ['write', 0x01, () => ns.write(block('new '), { offset: 0 }), 'new old '],
  ['compare', 0x05, () => ns.compare(block('old '), { offset: 0 }), before],
  ['flush', 0x00, () => ns.flush(), before],
  ['writeZeroes', 0x08, () => ns.writeZeroes({ offset: 0, length: 512 }), zeroes],
  ['deallocate', 0x09, () => ns.deallocate({ offset: 0, length: 512 }), zeroes],
];

/** Begins an operation, loses the path that has it, and gives its code. */
async function loseUnder([name, opcode, begin]: Case): Promise<string> {
  await ns.write(block('old '), { offset: 0 });
  await ns.write(block('old '), { offset: 8 * 512 });
  kept = opcode;
  const outcome = codeOf(begin(), 'ok');
  expect(await Promise.race([proxies[0].held.then(() => 'sent'), outcome]), name).toBe('sent');
  proxies[0].accept(false);
  const code = await outcome;
  expect(await pathsAre('reconnecting', 'up')).toBe(true);
  return code;
}

it.each(once)('%s is not sent again when its path is lost', async (...one) => {
  expect(await loseUnder(one)).toBe('ERR_SPDK_IO_FAILED');
  expect((await text(0)) + (await text(8 * 512))).toBe(one[3]);
  expect((await ns.reservations.report()).registrants).toEqual([]);
  expect(subsystem.paths[1]?.state).toBe('up');
});

it.each(repeated)('%s goes over the other path', async (...one) => {
  if (one[0] === 'compare' && !ns.supports.compare) {
    await expect(one[2]()).rejects.toMatchObject({ code: 'ERR_SPDK_UNSUPPORTED' });
    return;
  }
  expect(await loseUnder(one)).toBe('ok');
  expect((await text(0)) + (await text(8 * 512))).toBe(one[3]);
});

it('those that are sent once wait for a path', async () => {
  await ns.write(block('old '), { offset: 0 });
  for (const one of proxies) one.accept(false);
  expect(await pathsAre('reconnecting', 'reconnecting')).toBe(true);
  const waiting = [
    rawWrite('raw ', 8),
    ns.compareAndWrite(block('old '), block('new '), { offset: 0 }),
    ns.reservations.register(key),
  ];
  expect(await eventually(limits.response, () => ns.waiting === waiting.length)).toBe(true);
  proxies[1].accept(true);
  await Promise.all(waiting);
  expect((await text(0)) + (await text(8 * 512))).toBe('new raw ');
  await ns.reservations.unregister(key);
});
