// What a program can find out about a controller: its history, and whose log lines are whose.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Controller,
  Environment,
  type EnvironmentStats,
  type LogLine,
  spdkVersion,
} from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { eventually } from '../integration/support/timing.js';
import { asksForShutdown, holdAt } from './holding-proxy.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4461' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:diagnosis';
const nobody = 'nqn.2026-11.dev.spdk-nvme:nobody';
const id = (subnqn: string) =>
  `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${subnqn}`;

let target: SpdkTarget;
let env: Environment;
const lines: LogLine[] = [];

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    subsystems: [{ nqn, serial: 'DIAGNOSIS', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
  });
  ensureHugepages(128);
  env = await Environment.init({ pollers: 2, memoryMb: 64 });
  env.on('log', (line) => lines.push(line));
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
});

const kinds = (controller: Controller) => controller.history.map(({ kind }) => kind);
const states = (controller: Controller) =>
  controller.history.filter(({ kind }) => kind === 'state').map(({ text }) => text);

describe('the history of a controller', () => {
  it('has its states with their times, and stays readable after a detach', async () => {
    const begun = { wallMs: Date.now(), monotonicMs: Number(process.hrtime.bigint()) / 1e6 };
    const controller = await env.attach(id(nqn));
    expect(states(controller)).toEqual(['attaching', 'attached']);
    await controller.detach();
    expect(states(controller)).toEqual([
      'attaching',
      'attached',
      'draining',
      'disconnecting',
      'lingering',
      'detached',
    ]);
    const { history } = controller;
    for (const clock of ['wallMs', 'monotonicMs'] as const) {
      const times = history.map((event) => event[clock]);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      // Both clocks of JavaScript were read a moment before the first event.
      expect(times[0]).toBeGreaterThan(begun[clock] - 2);
      expect(times[0]).toBeLessThan(begun[clock] + 60_000);
    }
  });
});

describe('a log line', () => {
  it('names the subsystem that is being attached, and no other', async () => {
    const other = await env.attach(id(nqn));
    const reported: LogLine[] = [];
    other.on('log', (line) => reported.push(line));
    lines.length = 0;
    await expect(env.attach(id(nobody))).rejects.toThrow();
    const errors = lines.filter(({ level }) => level === 'error');
    expect(errors.length).toBeGreaterThan(0);
    for (const { controller } of errors) expect(controller).toBe(nobody);
    expect(reported).toEqual([]);
    expect(kinds(other)).not.toContain('log');
    await other.detach();
  });
});

describe('the statistics', () => {
  it('count operations, polls and what waits, for controllers and for pollers', async () => {
    // The counts are those of pollers.
    const controller = await env.attach(id(nqn), { ioQueues: 2, queueDepth: 16, polling: 'threads' });
    const [ns] = controller.namespaces;
    if (!ns) throw new Error('the target has a namespace');
    const before = env.stats();
    const begun = performance.now();
    const buffers = Array.from({ length: 100 }, () => Buffer.alloc(ns.blockSize));
    const reads = buffers.map((buffer, i) => ns.read(buffer, { offset: i * ns.blockSize }));
    const during = env.stats();
    expect(during.controllers).toHaveLength(1);
    expect(during.controllers[0]).toMatchObject({ controller, pending: 100 });
    expect(during.pollers.map(({ pending }) => pending)).toEqual([50, 50]);
    await Promise.all(reads);
    await expect(ns.raw({ opcode: 0x7d })).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });

    const tookUs = 1_000 * (performance.now() - begun);
    await ns.write(Buffer.alloc(2 * ns.blockSize), { offset: 0 });
    const stats = controller.stats();
    expect(stats).toMatchObject({
      ...{ reads: 100, bytesRead: 100 * ns.blockSize },
      ...{ writes: 1, bytesWritten: 2 * ns.blockSize },
      latency: { count: 102 },
    });
    const { p50Us, p99Us, maxUs } = stats.latency;
    expect(p50Us).toBeGreaterThan(1);
    expect(p99Us).toBeGreaterThanOrEqual(p50Us);
    // A bucket is an eighth wide.
    expect(p99Us).toBeLessThan(1.2 * tookUs);
    expect(maxUs).toBeGreaterThanOrEqual(p99Us);
    const { completed, failed, aborted, outstanding, pending, polls, idlePolls, lingerLocks } = stats;
    expect({ completed, failed, aborted, outstanding, pending }).toEqual({
      completed: 102,
      failed: 1,
      aborted: 0,
      outstanding: 0,
      pending: 0,
    });
    expect(idlePolls).toBeLessThan(polls);
    expect(lingerLocks).toBeGreaterThan(0); // the connect was alone
    const sleepsOf = (of: EnvironmentStats) => of.pollers.map(({ sleeps }) => sleeps);
    const awake = sleepsOf(env.stats());
    // Idle, so that the pollers sleep.
    const haveSlept = () => sleepsOf(env.stats()).every((sleeps, i) => sleeps > (awake[i] ?? 0));
    expect(await eventually(limits.response, haveSlept)).toBe(true);
    const after = env.stats();
    after.pollers.forEach((poller, i) => {
      expect(poller).toMatchObject({ index: i, controllers: 1, pending: 0 });
      expect(poller.completions).toBeGreaterThanOrEqual((before.pollers[i]?.completions ?? 0) + 50);
      expect(poller.polls).toBeGreaterThanOrEqual(poller.idlePolls);
    });
    await controller.detach();
    expect(controller.stats()).toMatchObject({ completed: 102, failed: 1, transport: [] });
    expect(env.stats().controllers).toEqual([]);
  });

  it('have SPDK’s own counts where the release has them', async () => {
    const controller = await env.attach(id(nqn));
    const { major, minor } = spdkVersion();
    const { transport } = controller.stats();
    if (major * 100 + minor < 2205) {
      expect(transport).toEqual([]);
    } else {
      expect(transport).toMatchObject([{ name: 'tcp', counts: { polls: expect.any(Number) } }]);
    }
    await controller.detach();
  });
});

describe('the channels of node:diagnostics_channel', () => {
  it('report attach, its failure, and detach', async () => {
    const reported: [string, object][] = [];
    const listen = (message: unknown, name: string | symbol) =>
      reported.push([String(name), message as object]);
    const names = ['attach', 'attach:error', 'detach', 'detach:error'].map((name) => `spdk-nvme:${name}`);
    for (const name of names) subscribe(name, listen);
    try {
      const controller = await env.attach(id(nqn));
      const error = await env.attach(id(nobody)).catch((reason: unknown) => reason);
      const report = await controller.detach();
      expect(reported).toEqual([
        ['spdk-nvme:attach', { controller, ms: expect.any(Number) }],
        [
          'spdk-nvme:attach:error',
          {
            transportId: expect.objectContaining({ subnqn: nobody }),
            error,
            ms: expect.any(Number),
          },
        ],
        ['spdk-nvme:detach', { controller, report }],
      ]);
    } finally {
      for (const name of names) unsubscribe(name, listen);
    }
  });
});

describe('a detach whose target does not respond to the shutdown', () => {
  it('ends within its limit, and says what took the time', async () => {
    const proxy = await holdAt(Number(listener.trsvcid), asksForShutdown, { holdIt: true });
    const behindProxy = id(nqn).replace(listener.trsvcid, String(proxy.port));
    const controller = await env.attach(behindProxy, { ioQueues: 2 });
    const report = await controller.detach({ timeoutMs: 2_000 });
    await proxy.held;
    expect(report.destroyMs).toBeGreaterThan(200);
    expect(report.totalMs).toBeLessThan(2_000);
    expect(controller.state).toBe('detached');
    proxy.close();
  });
});

describe('a target that dies', () => {
  it('leaves the reason and SPDK’s lines in the history, and the lines name the controller', async () => {
    const controller = await env.attach(id(nqn), { ioQueues: 2 });
    const reported: LogLine[] = [];
    controller.on('log', (line) => reported.push(line));
    lines.length = 0;
    const failed = new Promise((resolve) => controller.once('failed', resolve));
    const published = new Promise((resolve) => subscribe('spdk-nvme:failed', resolve));
    await target.stop('SIGKILL');
    expect(await published).toEqual({ controller, error: await failed });
    const errors = () => lines.filter(({ level }) => level === 'error');
    // The pollers, the admin queue: each notices by itself. Native code has the history, and the lines come when the event loop turns.
    const noticed = () => kinds(controller).includes('connection-lost') && errors().length > 0;
    expect(await eventually(limits.response, noticed)).toBe(true);

    const { history } = controller;
    expect(states(controller).slice(-1)).toEqual(['failed']);
    expect(history.find(({ kind }) => kind === 'failure')).toMatchObject({
      code: 'ERR_SPDK_CONTROLLER_FAILED',
      text: expect.stringMatching(/lost/),
    });
    expect(kinds(controller)).toContain('connection-lost');
    const logged = history.filter(({ kind }) => kind === 'log');
    expect(logged).toContainEqual(
      expect.objectContaining({ level: 'error', source: expect.stringMatching(/^\w+\.c:\d+:\w+$/) }),
    );

    for (const line of errors()) expect(line.controller).toBe(controller);
    expect(reported).toEqual(lines.filter((line) => line.controller === controller));
    await controller.detach();
    expect(states(controller).at(-1)).toBe('detached');
    expect(kinds(controller)).toContain('failure');
  });
});
