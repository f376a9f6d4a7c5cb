// A write that was cancelled must not overwrite newer data: with nvmf_tgt, whose disk can delay commands, and with a
// network that delays them.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { AttachOptions, Controller, Namespace, QueuePair } from '../../lib/index.js';
import { eachPolling, inTurn, pollings } from '../integration/support/each-polling.js';
import { limits } from '../integration/support/limits.js';
import { eventually, rejection, within } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';
import { commandIn } from './pdu.js';
import { PduProxy } from './proxy.js';

/** A disk for each way of polling: it carries out one command after the other. */
const slow = pollings.map((polling) => `nqn.2026-11.dev.spdk-nvme:slow-${polling}`);
const [oneSlow = ''] = slow;
const fast = 'nqn.2026-11.dev.spdk-nvme:fast';
const giveUpMs = 500;
const bytes = 4096;
/** The slow disk needs two seconds for one command, and later commands wait behind it. */
const filler = Buffer.alloc(2 << 20);
const fillerAt = 1 << 20;
const maxMs = 5_000;
/** For the response to an Abort, which the controller has a second for. */
const abortMs = 1_000 + limits.response;
const brokenMs = 3_000;
const old = Buffer.alloc(bytes, 'old ');
const newer = Buffer.alloc(bytes, 'new ');
const writeOpcode = 0x01;

const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
const local = localTarget({
  port: '4472',
  subsystems: [
    ...slow.map((nqn, i) => ({ nqn, serial: `SLOW${i}`, disk: { ...disk, maxMbPerSecond: 1 } })),
    { nqn: fast, serial: 'FAST', disk },
  ],
  environment: { pollers: 1 },
});
afterEach(() => Promise.all(local.env.controllers.map((controller) => controller.detach())));

async function attach(
  nqn: string,
  options: AttachOptions,
  port?: string,
): Promise<{ controller: Controller; ns: Namespace }> {
  const controller = await inTurn(() =>
    within(limits.attach, local.env.attach(local.id(nqn, port), options)),
  );
  return { controller, ns: controller.namespaces[0] as Namespace };
}

/**
 * Begins to fill the slow disk. What its queue pair is given from then on arrives behind the data; otherwise a small write, whose data travels
 * with its command, would overtake it: when the Flush is complete, the target has asked for the data before, and SPDK has sent it.
 */
async function beginToFill(ns: Namespace, queuePair?: QueuePair): Promise<{ filling: Promise<void> }> {
  const filling = ns.write(filler, { offset: fillerAt, queuePair });
  filling.catch(() => {});
  await ns.flush({ queuePair });
  return { filling };
}

const read = (ns: Namespace) => ns.read(Buffer.alloc(bytes), { offset: 0 });

describe('however it is polled', () => {
  it('a write that timed out is carried out later by default', () =>
    eachPolling(async (polling, i) => {
      const { ns } = await attach(slow[i] as string, { polling });
      await ns.write(newer, { offset: 0 });
      const { filling } = await beginToFill(ns);
      await rejection('ERR_SPDK_TIMEOUT', limits.response, ns.write(old, { offset: 0, timeoutMs: giveUpMs }));
      await within(maxMs, filling);
      expect((await read(ns)).equals(old)).toBe(true);
    }));

  it('and does not with `abort`', () =>
    eachPolling(async (polling, i) => {
      const { ns, controller } = await attach(slow[i] as string, {
        polling,
        onTimeout: 'abort',
        ctrlrLossTimeoutMs: 10_000,
      });
      await ns.write(newer, { offset: 0 });
      const { filling } = await beginToFill(ns);
      const writing = ns.write(old, { offset: 0, timeoutMs: giveUpMs });
      const { outcome, message } = await rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, writing);
      expect(outcome, message).toBe('aborted');
      await within(maxMs, filling);
      expect((await read(ns)).equals(newer)).toBe(true);
      expect(controller.state).toBe('attached');
      expect(controller.history.some(({ kind }) => kind === 'reset')).toBe(false);
      expect(controller.stats().outstanding).toBe(0);
    }));

  it('and does not with `abort` while a detach waits for it', () =>
    eachPolling(async (polling, i) => {
      const { ns, controller } = await attach(slow[i] as string, { polling, onTimeout: 'abort' });
      await beginToFill(ns);
      const writing = ns.write(old, { offset: 0, timeoutMs: giveUpMs });
      const detaching = controller.detach({ drainMs: maxMs, timeoutMs: 2 * maxMs });
      const { outcome, message } = await rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, writing);
      expect(outcome, message).toBe('aborted');
      await within(2 * maxMs, detaching);
    }));
});

it('`abort` by a signal ends many commands of several queue pairs', async () => {
  const { ns, controller } = await attach(oneSlow, { onTimeout: 'abort', ioQueues: 2 });
  const [first, second] = controller.queuePairs;
  await ns.write(newer, { offset: 0 });
  const { filling } = await beginToFill(ns, first);
  // The other queue pair has a connection of its own.
  await sleep(giveUpMs);
  const abort = new AbortController();
  // The target carries out one Abort after the other, and all have a second.
  // More than SPDK's admin queue has requests.
  const writes = Array.from({ length: 64 }, (_, i) =>
    rejection(
      'ERR_SPDK_ABORTED',
      maxMs,
      ns.write(old, { offset: 0, signal: abort.signal, queuePair: i % 2 ? first : second }),
    ),
  );
  await sleep(giveUpMs / 2);
  abort.abort();
  expect(new Set((await Promise.all(writes)).map(({ outcome }) => outcome))).toEqual(new Set(['aborted']));
  await within(maxMs, filling);
  expect((await read(ns)).equals(newer)).toBe(true);
});

it('`abort` of more commands than a hanging target accepts lets the controller be detached', async () => {
  const { controller, ns } = await attach(fast, { onTimeout: 'abort' });
  process.kill(local.target.pid, 'SIGSTOP');
  try {
    const timeoutMs = giveUpMs;
    const calls = [
      ...Array.from({ length: 6 }, () => ns.read(Buffer.alloc(bytes), { offset: 0, timeoutMs })),
      ns.compareAndWrite(Buffer.alloc(512), Buffer.alloc(512), { offset: 0, timeoutMs }),
    ];
    await Promise.all(calls.map((call) => rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, call)));
    await within(maxMs, controller.detach({ drainMs: 0 }));
  } finally {
    process.kill(local.target.pid, 'SIGCONT');
  }
});

describe('a write that the network delays', () => {
  /** Attaches through a proxy that keeps the next write, until it is released. */
  async function delayed(options: AttachOptions) {
    const state = { keeps: false };
    const proxy = await PduProxy.start({
      targetPort: Number(local.listener.trsvcid),
      hooks: () => ({
        fromHost: (pdu) => (state.keeps && commandIn(pdu)?.readUInt8(0) === writeOpcode ? 'this' : undefined),
      }),
    });
    const through = await attach(fast, options, String(proxy.port));
    const { ns: direct } = await attach(fast, {});
    await direct.write(Buffer.alloc(bytes), { offset: 0 });
    state.keeps = true;
    return { ...through, direct, proxy };
  }

  it('lands on what was written since by default', async () => {
    const { ns, direct, proxy } = await delayed({ keepAliveMs: 0 });
    await rejection('ERR_SPDK_TIMEOUT', limits.response, ns.write(old, { offset: 0, timeoutMs: giveUpMs }));
    await direct.write(newer, { offset: 0 });
    proxy.release();
    expect(await eventually(limits.response, async () => (await read(direct)).equals(old))).toBe(true);
    proxy.close();
  });

  it('and `abort` says that it may', async () => {
    const { ns, proxy } = await delayed({ keepAliveMs: 0, onTimeout: 'abort' });
    const writing = ns.write(old, { offset: 0, timeoutMs: giveUpMs });
    const { outcome } = await rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, writing);
    expect(outcome).toBe('unknown');
    proxy.close();
  });

  it('does not with `reset`, which does not send it again either', async () => {
    const { ns, direct, controller, proxy } = await delayed({
      onTimeout: 'reset',
      ctrlrLossTimeoutMs: 10_000,
    });
    let resets = 0;
    controller.on('resetting', () => resets++);
    const writing = ns.write(old, { offset: 0, timeoutMs: giveUpMs });
    const { outcome } = await rejection('ERR_SPDK_TIMEOUT', giveUpMs + abortMs, writing);
    expect(outcome).toBe('unknown');
    // The messages of the admin queue are held back as well, so this lasts until the target counts as dead.
    await sleep(brokenMs);
    await direct.write(newer, { offset: 0 });
    proxy.release();
    expect(await eventually(limits.reset, () => controller.state === 'attached')).toBe(true);
    await sleep(300);
    expect((await read(direct)).equals(newer)).toBe(true);
    expect((await read(ns)).equals(newer)).toBe(true);
    expect(resets).toBe(1);
    proxy.close();
  });
});
