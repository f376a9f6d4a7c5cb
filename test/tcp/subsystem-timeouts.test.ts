// The limits of operations over several paths to nvmf_tgt, each through a proxy of its own: `timeoutMs` and the signal span all attempts,
// and what has ended by them is never sent over another path.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { Subsystem, SubsystemNamespace } from '../../lib/index.js';
import { limits } from '../integration/support/limits.js';
import { eventually, rejection, within } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';
import { commandIn, isFabrics } from './pdu.js';
import { PduProxy } from './proxy.js';

const fast = 'nqn.2026-11.dev.spdk-nvme:paths-fast';
const slow = 'nqn.2026-11.dev.spdk-nvme:paths-slow';
const port = 4498;
const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
const local = localTarget({
  port: String(port),
  subsystems: [
    { nqn: fast, serial: 'FAST', disk },
    { nqn: slow, serial: 'SLOW', disk: { ...disk, maxMbPerSecond: 1 } },
  ],
  environment: { pollers: 1 },
});
const opcodes = { write: 0x01, read: 0x02, abort: 0x08 } as const;
const old = Buffer.alloc(512, 'old ');
const newer = Buffer.alloc(512, 'new ');
/** The slow disk needs two seconds for it, and later commands wait behind it. */
const filler = Buffer.alloc(2 << 20);
const filledMs = 10_000;
const giveUpMs = 500;
/** For the response to an Abort, which the controller has a second for. */
const abortMs = 1_000 + limits.response;

/** A path: what passes its proxy, and whether that keeps I/O commands and all that follows, such as Aborts. */
interface Side {
  readonly proxy: PduProxy;
  keeps: boolean;
  readonly sent: number[];
  aborts: number;
}
let sides: readonly [Side, Side];
let subsystem: Subsystem;
let ns: SubsystemNamespace;

async function side(): Promise<Side> {
  const state = { keeps: false, sent: [] as number[], aborts: 0 };
  const hooks = () => {
    let forIo = false;
    const fromHost = (pdu: Buffer) => {
      const command = commandIn(pdu);
      if (command && isFabrics(command, 'connect')) forIo = command.readUInt16LE(42) > 0;
      else if (command && forIo) {
        state.sent.push(command.readUInt8(0));
        return state.keeps ? ('this' as const) : undefined;
      } else if (command?.[0] === opcodes.abort) state.aborts++;
      return undefined;
    };
    return { fromHost };
  };
  return Object.assign(state, { proxy: await PduProxy.start({ targetPort: port, hooks }) });
}

const pathsAre = (...states: string[]) =>
  eventually(limits.noticed, () => subsystem.paths.map(({ state }) => state).join() === states.join());

/** Attaches both paths, of which the first is in use. Its first block is old. */
async function attach(nqn: string, options: object = {}): Promise<void> {
  sides = [await side(), await side()];
  const ids = sides.map(({ proxy }) => local.id(nqn, proxy.port));
  subsystem = await local.env.attachSubsystem(ids, { reconnectDelayMs: 100, ioQueues: 1, ...options });
  expect(await pathsAre('up', 'up')).toBe(true);
  ns = subsystem.namespaces[0] as SubsystemNamespace;
  subsystem.prefer(subsystem.paths[0]);
  await ns.write(old, { offset: 0 });
  for (const { sent } of sides) sent.length = 0;
}
afterEach(async () => {
  await subsystem?.detach({ drainMs: 0 });
  for (const { proxy } of sides) proxy.close();
});

const stored = () => ns.read(Buffer.alloc(512), { offset: 0 });
const failedOver = () => subsystem.paths.map((path) => path.stats().failedOver);

/** Both paths keep a write, and the first is lost after a while: what the write ends with. */
async function lostInBetween(write: Promise<void>, lostAfterMs: number): Promise<void> {
  expect(await eventually(limits.response, () => sides[0].sent.length === 1)).toBe(true);
  await sleep(lostAfterMs);
  sides[0].proxy.accept(false);
  expect(await eventually(limits.response, () => sides[1].sent.length === 1)).toBe(true);
  await write;
  expect(sides.map(({ sent }) => sent)).toEqual([[opcodes.write], [opcodes.write]]);
  expect(failedOver()).toEqual([1, 0]);
  // What the proxies kept never arrives.
  for (const one of sides) {
    one.keeps = false;
    one.proxy.accept(false);
    one.proxy.release();
    one.proxy.accept(true);
  }
  expect(await pathsAre('up', 'up')).toBe(true);
  expect((await stored()).equals(old)).toBe(true);
}

it('`timeoutMs` is that of all attempts together', async () => {
  await attach(fast);
  for (const one of sides) one.keeps = true;
  const timeoutMs = 3_000;
  const lostAfterMs = timeoutMs / 2;
  const begun = performance.now();
  const writing = rejection(
    'ERR_SPDK_TIMEOUT',
    timeoutMs + lostAfterMs,
    ns.write(newer, { offset: 0, timeoutMs }),
  );
  const ended = writing.then(({ message }) => {
    expect(message).toContain(`${timeoutMs} ms on 2 paths`);
    expect(performance.now() - begun).toBeGreaterThan(timeoutMs - 50);
  });
  await lostInBetween(ended, lostAfterMs);
});

it('a signal ends an operation after its failover', async () => {
  await attach(fast);
  for (const one of sides) one.keeps = true;
  const aborter = new AbortController();
  const write = ns.write(newer, { offset: 0, signal: aborter.signal });
  const ended = expect(write).rejects.toMatchObject({
    code: 'ERR_SPDK_ABORTED',
    name: 'AbortError',
    cause: 'enough',
  });
  void eventually(limits.response, () => sides[1].sent.length === 1).then(() => aborter.abort('enough'));
  await lostInBetween(ended, 0);
});

it('both end operations that wait for a path, which are not sent when it is back', async () => {
  await attach(fast);
  for (const { proxy } of sides) proxy.accept(false);
  expect(await pathsAre('reconnecting', 'reconnecting')).toBe(true);
  const aborter = new AbortController();
  const timedOut = ns.write(newer, { offset: 0, timeoutMs: giveUpMs });
  const aborted = ns.write(newer, { offset: 0, signal: aborter.signal });
  // It waits for both, because it overlaps them, and is carried out.
  const later = ns.write(Buffer.alloc(512, 'last'), { offset: 0 });
  const outcomes = [
    rejection('ERR_SPDK_TIMEOUT', giveUpMs + limits.response, timedOut),
    rejection('ERR_SPDK_ABORTED', giveUpMs + limits.response, aborted),
  ];
  await sleep(giveUpMs / 2);
  aborter.abort();
  await Promise.all(outcomes);
  // The path that is up first carries the write, and the preferred one the read.
  sides[1].proxy.accept(true);
  await later;
  sides[0].proxy.accept(true);
  expect(await pathsAre('up', 'up')).toBe(true);
  expect((await stored()).equals(Buffer.alloc(512, 'last'))).toBe(true);
  expect(sides.map(({ sent }) => sent)).toEqual([[opcodes.read], [opcodes.write]]);
});

it('the target hangs: they end in time, both paths stay up, and later operations go on', async () => {
  await attach(fast);
  process.kill(local.target.pid, 'SIGSTOP');
  try {
    const read = (limit: object) => ns.read(Buffer.alloc(512), { offset: 0, ...limit });
    await Promise.all([
      rejection('ERR_SPDK_TIMEOUT', giveUpMs + limits.response, read({ timeoutMs: giveUpMs })),
      rejection(
        'ERR_SPDK_ABORTED',
        giveUpMs + limits.response,
        read({ signal: AbortSignal.timeout(giveUpMs) }),
      ),
    ]);
  } finally {
    process.kill(local.target.pid, 'SIGCONT');
  }
  expect((await stored()).equals(old)).toBe(true);
  expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
  expect(failedOver()).toEqual([0, 0]);
});

it('with `abort` the controller aborts a write, which goes over no other path, and newer data stays', async () => {
  await attach(slow, { onTimeout: 'abort' });
  const filling = ns.write(filler, { offset: 1 << 20 });
  filling.catch(() => {});
  // As in on-timeout.test.ts: what follows arrives behind the data.
  await ns.flush();
  const timedOut = ns.write(old, { offset: 0, timeoutMs: giveUpMs });
  const later = ns.write(newer, { offset: 0 });
  const { outcome, message } = await rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, timedOut);
  expect(outcome, message).toBe('aborted');
  await within(filledMs, Promise.all([filling, later]));
  expect((await stored()).equals(newer)).toBe(true);
  expect(sides[1].sent).toEqual([]);
  expect(failedOver()).toEqual([0, 0]);
  expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
});

it('with `abort` a write whose path is lost before the Abort has completed is not sent again', async () => {
  await attach(fast, { onTimeout: 'abort' });
  sides[0].keeps = true;
  const timedOut = ns.write(newer, { offset: 0, timeoutMs: giveUpMs });
  const ended = rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, timedOut);
  expect(await eventually(giveUpMs + limits.response, () => sides[0].aborts > 0)).toBe(true);
  sides[0].proxy.accept(false);
  expect((await ended).outcome).toBe('unknown');
  expect(await pathsAre('reconnecting', 'up')).toBe(true);
  expect((await stored()).equals(old)).toBe(true);
  expect(sides[1].sent).toEqual([opcodes.read]);
});

it('with `reset` the other operations of the path go over the other one', async () => {
  await attach(fast, { onTimeout: 'reset' });
  sides[0].keeps = true;
  const others = [1, 2, 3].map((i) => ns.write(newer, { offset: i * 512 }));
  const timedOut = ns.write(newer, { offset: 0, timeoutMs: giveUpMs });
  const { outcome } = await rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, timedOut);
  expect(outcome).toBe('unknown');
  await within(limits.reset, Promise.all(others));
  expect(failedOver()).toEqual([others.length, 0]);
  expect((await stored()).equals(old)).toBe(true);
  expect(sides[1].sent).toEqual([opcodes.write, opcodes.write, opcodes.write, opcodes.read]);
  sides[0].keeps = false;
  sides[0].proxy.release();
  expect(await pathsAre('up', 'up')).toBe(true);
  expect((await stored()).equals(old)).toBe(true);
});
