// exportStats(): its sockets, and what it takes.

import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findSockets, readSnapshot } from '../../cli/engine/target/stats-client.js';
import { Environment, exportStats } from '../../lib/index.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-export-'));
  vi.stubEnv('XDG_RUNTIME_DIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const programs = async () =>
  (await Promise.all(findSockets().map(readSnapshot))).map((snapshot) => snapshot?.program).sort();

it('several at the same time have a socket each, and each ends alone', async () => {
  const names = ['a', 'b', 'c'];
  const exported = await Promise.all(names.map((name) => exportStats(disk.env, { name })));
  const [a, b, c] = exported as [(typeof exported)[0], (typeof exported)[0], (typeof exported)[0]];
  expect(new Set(exported.map((one) => one.path)).size).toBe(3);
  expect(await programs()).toEqual(names);
  a.close();
  expect(await programs()).toEqual(['b', 'c']);
  // The name is free again, and a second close() is not that of who has it now.
  const d = await exportStats(disk.env, { name: 'd' });
  expect(d.path).toBe(a.path);
  a.close();
  expect(await programs()).toEqual(['b', 'c', 'd']);
  for (const one of [b, c, d]) one.close();
  expect(findSockets()).toEqual([]);
});

it('many at the same time add one listener to the process, which goes with the last of them', async () => {
  const before = process.listenerCount('exit');
  const exported = await Promise.all(Array.from({ length: 12 }, () => exportStats(disk.env)));
  expect(process.listenerCount('exit')).toBe(before + 1);
  for (const one of exported) one.close();
  expect(process.listenerCount('exit')).toBe(before);
  expect(findSockets()).toEqual([]);
});

it('ends although its socket cannot be removed any more, as where the program has given up its rights', async () => {
  const exported = await exportStats(disk.env);
  rmSync(exported.path);
  mkdirSync(exported.path);
  exported.close();
  expect(process.listeners('exit').some((listener) => listener.name === 'removeSockets')).toBe(false);
});

it('the path by default names the process, and another thread than the main one', async () => {
  const thread = threadId === 0 ? '' : `-${threadId}`;
  using first = await exportStats(disk.env);
  using second = await exportStats(disk.env);
  expect([first, second].map((one) => path.basename(one.path))).toEqual([
    `spdk-nvme-${process.pid}${thread}.sock`,
    `spdk-nvme-${process.pid}-${threadId}-2.sock`,
  ]);
});

it('leaves the folder of another user alone, which su and sudo -E name', async () => {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, 1234, 1234);
  vi.stubEnv('XDG_RUNTIME_DIR', isRoot ? folder : '/');
  using exported = await exportStats(disk.env);
  expect(path.dirname(exported.path)).toBe(path.join(os.tmpdir(), `spdk-nvme-${process.getuid?.()}`));
  expect(readdirSync(folder)).toEqual([]);
});

it('replaces the socket of an earlier process, and leaves a name that it could not have to others', async () => {
  const before = await exportStats(disk.env);
  before.close();
  writeFileSync(before.path, '');
  using exported = await exportStats(disk.env, { name: 'now' });
  expect(exported.path).toBe(before.path);
  await expect(exportStats(disk.env, { path: exported.path })).rejects.toMatchObject({
    code: 'ERR_SPDK_INVALID_ARG_VALUE',
  });
  using other = await exportStats(disk.env, { name: 'other' });
  expect(existsSync(other.path)).toBe(true);
  expect(await programs()).toEqual(['now', 'other']);
});

it('leaves the socket of a process in another container that has the same number', async () => {
  const { path: file, close } = await exportStats(disk.env);
  close();
  let readers = 0;
  const other = createServer((socket) => {
    readers++;
    socket.end();
  });
  await new Promise<void>((resolve) => other.listen(file, resolve));
  const mine = await exportStats(disk.env, { name: 'mine' });
  expect(mine.path).not.toBe(file);
  expect(await programs()).toContain('mine');
  mine.close();
  const before = readers;
  await readSnapshot(file);
  expect(readers).toBe(before + 1);
  await new Promise((resolve) => other.close(resolve));
  using again = await exportStats(disk.env);
  expect(again.path).toBe(file);
});

it('goes on after a reader that could not be accepted', async () => {
  const listened = vi.spyOn(Server.prototype, 'listen');
  using exported = await exportStats(disk.env, { name: 'a' });
  (listened.mock.contexts[0] as Server).emit('error', new Error('EMFILE'));
  expect(await readSnapshot(exported.path)).toMatchObject({ program: 'a' });
});

it('ends with its environment, and the next one takes its place', async () => {
  const first = await exportStats(disk.env);
  const late = exportStats(disk.env);
  await disk.env.close();
  await late;
  expect(findSockets()).toEqual([]);
  const share = await Environment.shared();
  using second = await exportStats(share);
  expect(second.path).toBe(first.path);
  first.close();
  expect(await programs()).toHaveLength(1);
  await share.close();
  expect(existsSync(second.path)).toBe(false);
});

it('takes a share of an environment', async () => {
  await disk.env.close();
  const share = await Environment.shared();
  using exported = await exportStats(share, { name: 'shared' });
  expect(await readSnapshot(exported.path)).toMatchObject({ program: 'shared', controllers: [] });
  await share.close();
  expect(await readSnapshot(exported.path)).toBeUndefined();
});

it('takes nothing that only looks like an environment', async () => {
  const { env } = disk;
  const likenesses = [
    ...[undefined, null, 1, {}, { environment: env }, { stats: () => ({}) }],
    ...[Object.create(env), new Proxy(env, {}), Environment],
  ];
  for (const likeness of likenesses) {
    await expect(exportStats(likeness)).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_TYPE' });
  }
  expect(existsSync(path.join(folder, 'spdk-nvme'))).toBe(false);
});

it('removes its own socket, and no other file, when the program has changed its folder since', async () => {
  const work = vi.spyOn(process, 'cwd').mockReturnValue(folder);
  const exported = await exportStats(disk.env, { path: 'relative.sock' });
  const elsewhere = path.join(folder, 'elsewhere');
  mkdirSync(elsewhere);
  const precious = path.join(elsewhere, 'relative.sock');
  writeFileSync(precious, '');
  work.mockReturnValue(elsewhere);
  expect(exported.path).toBe(path.join(folder, 'relative.sock'));
  expect(existsSync(exported.path)).toBe(true);
  exported.close();
  expect([existsSync(exported.path), existsSync(precious)]).toEqual([false, true]);
});

it('in a worker of node:cluster its socket is its own: it is served while the primary process is busy, which ends', () => {
  const child = path.resolve(import.meta.dirname, '../tcp/children/exports-in-cluster.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', child], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'in-a-worker\n', stderr: '' });
});
