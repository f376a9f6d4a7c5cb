// Attaches to targets that accept a connection, and then respond late or close it.

import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';

import { timed } from '../integration/support/timing.js';
import { ownThreads, totalSleeps } from '../support/own-threads.js';
import { localTarget } from './local-target.js';
import { listenSilently } from './silent-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:waiting';
const waiting = 8;

const local = localTarget({
  port: '4464',
  subsystems: [{ nqn, serial: 'WAITING', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1, connectConcurrency: waiting },
});

/** A server that is handed each connection with the first data that comes. */
async function listen(onFirst: (socket: Socket, data: Buffer) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (data) => onFirst(socket, data));
  });
  await new Promise<void>((resolve) => server.listen(0, local.listener.traddr, resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

const controlThreads = () => ownThreads().filter(({ name }) => name === 'spdk-control');

/** What a second costs while many attaches wait at a port: of one core, and sleeps. */
async function whileWaiting(port: number): Promise<{ percent: number; slept: number }> {
  const attaches = Array.from({ length: waiting }, (_, i) =>
    local.env.attach(`${local.id(nqn, port)}${i}`, { timeoutMs: 2_500 }).catch(() => {}),
  );
  await sleep(500);
  const before = { cpu: process.cpuUsage(), sleeps: totalSleeps(controlThreads()) };
  const { ms } = await timed(sleep(1_000));
  const { user, system } = process.cpuUsage(before.cpu);
  const slept = totalSleeps(controlThreads()) - before.sleeps;
  await Promise.all(attaches);
  // SPDK returns from each connect a moment later.
  await expect.poll(() => controlThreads().length, { timeout: 30_000 }).toBeLessThanOrEqual(1);
  return { percent: (user + system) / ms / 10, slept };
}

// A thread that spins uses a whole core if the core is idle, and little of a shared one. In both cases it never sleeps.
function expectRest({ percent, slept }: { percent: number; slept: number }): void {
  expect(percent).toBeLessThan(25);
  expect(slept).toBeGreaterThan(20);
}

it('attaches that wait for the first response take next to no processor time', {
  timeout: 40_000,
}, async () => {
  expectRest(await whileWaiting(await listen(() => {})));
});

it('attaches that wait for the response to a command take next to no processor time', {
  timeout: 40_000,
}, async () => {
  const silent = await listenSilently(local.listener.traddr);
  onTestFinished(silent.close);
  expectRest(await whileWaiting(silent.port));
});

it('an attach and a detach do not wait for the target of another attach', { timeout: 20_000 }, async () => {
  const silent = await listenSilently(local.listener.traddr);
  onTestFinished(silent.close);
  const other = local.env.attach(local.id(nqn, silent.port), { timeoutMs: 5_000 }).catch(() => 'silent');
  await expect.poll(() => silent.connections(), { timeout: 4_000 }).toBeGreaterThan(0);
  const controller = await local.env.attach(local.id(nqn), { timeoutMs: 2_000 });
  await controller.detach({ timeoutMs: 2_000 });
  expect(await Promise.race([other, 'waits'])).toBe('waits');
  silent.close();
  expect(await other).toBe('silent');
});

it('a target that is slow with its first response gets a second attempt', { timeout: 20_000 }, async () => {
  let connections = 0;
  const port = await listen((socket, data) => {
    if (++connections === 1) return;
    const upstream = connect(Number(local.listener.trsvcid), local.listener.traddr, () =>
      upstream.write(data),
    );
    upstream.on('error', () => {});
    upstream.pipe(socket);
    socket.pipe(upstream);
    upstream.on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  const controller = await local.env.attach(local.id(nqn, port), { timeoutMs: 15_000 });
  expect(connections).toBeGreaterThan(1);
  expect(controller.history.map(({ text }) => text)).toContainEqual(
    expect.stringContaining('connecting once more'),
  );
  await controller.detach();
});

it('an attach says whether its target was slow or closed the connection', async () => {
  const port = await listen((socket) => socket.destroy());
  const begun = performance.now();
  await expect(local.env.attach(local.id(nqn, port))).rejects.toMatchObject({
    code: 'ERR_SPDK_UNREACHABLE',
    message: expect.stringContaining('closed the connection'),
  });
  // And does not wait for its time limit, which is five seconds.
  expect(performance.now() - begun).toBeLessThan(3_000);
});
