// `spdk-nvme top` with sockets at which there is something else than an export, or nobody who responds.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { statsFolders } from '../../cli/engine/target/stats-client.js';
import { Environment, exportStats } from '../../lib/index.js';
import { simulate } from '../../lib/testing/index.js';
import { runVerb } from './memory/command-line.js';

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-top-'));
});
afterEach(() => {
  server?.close();
  rmSync(folder, { recursive: true });
  process.exitCode = 0;
});

it('looks where logins, and where other programs of the user have their sockets', () => {
  const [login, other] = ['/run/user/1000/spdk-nvme', '/tmp/spdk-nvme-1000'];
  expect(statsFolders(1000, login, '/run/user/1000').sort()).toEqual([login, other]);
  expect(statsFolders(1000, other, undefined).sort()).toEqual([login, other]);
  expect(statsFolders(1000, '/scratch/spdk-nvme-1000', '').sort()).toEqual([
    login,
    '/scratch/spdk-nvme-1000',
    other,
  ]);
  // Some processes have a folder of their own.
  expect(statsFolders(1000, '/x/spdk-nvme', '/x')).toEqual(['/x/spdk-nvme']);
  // After `su` the variable names the folder of another user, and is not used.
  expect(statsFolders(1000, other, '/run/user/1001').sort()).toEqual([login, other]);
});

/** @returns the path of a socket, at which this is done with each connection */
async function listen(respond: (socket: Socket) => void): Promise<string> {
  const file = path.join(folder, 'socket');
  server = createServer((socket) => {
    socket.on('error', () => {});
    respond(socket);
  });
  await new Promise<void>((resolve) => server?.listen(file, resolve));
  return file;
}

const top = (file: string, ...words: string[]) => runVerb(['top', file, '--count', '1', ...words]);

const whole = {
  schema: 1,
  pid: 1,
  program: 'x',
  monotonicMs: 1,
  memory: { usedBytes: 1, totalBytes: 2 },
  controllers: [],
};
it.each([
  ...['', 'HTTP/1.1 400 Bad Request', 'null', '5', '[]', '{"schema":1}'],
  JSON.stringify({ ...whole, schema: 2 }),
  JSON.stringify({ ...whole, memory: null }),
  JSON.stringify({ ...whole, controllers: [null] }),
  JSON.stringify({ ...whole, controllers: [{ id: 1 }] }),
  JSON.stringify({ ...whole, subsystems: [{ nqn: 'x' }] }),
])('takes %j for no statistics', async (text) => {
  const file = await listen((socket) => socket.end(text));
  for (const words of [[], ['-o', 'json']]) {
    expect(await top(file, ...words)).toMatchObject({
      status: 1,
      stderr: `spdk-nvme: No process responds at ${file}\n`,
    });
  }
});

it('says why nobody responds', async () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  expect((await top(file)).stderr).toBe(`spdk-nvme: ${file} is not a socket\n`);
  const nothing = path.join(folder, 'nothing');
  expect((await top(nothing)).stderr).toBe(`spdk-nvme: ${nothing} does not exist\n`);
});

it.skipIf(process.getuid?.() !== 0)('says that a socket is of another user', async () => {
  const server = await listen(() => {});
  chmodSync(folder, 0o700);
  process.seteuid?.(65_534);
  try {
    expect((await top(server)).stderr).toContain('by the user of its process, and by root, only');
  } finally {
    process.seteuid?.(0);
  }
});

it('shows what is whole', async () => {
  const file = await listen((socket) => socket.end(JSON.stringify(whole)));
  expect(await top(file)).toMatchObject({ status: 0, stderr: '' });
});

it('does not read without end', async () => {
  let sent = 0;
  const file = await listen((socket) => {
    const part = Buffer.alloc(1 << 16, ' ');
    const send = () => {
      while (socket.writable && socket.write(part)) sent += part.length;
      socket.once('drain', send);
    };
    send();
  });
  expect(await top(file)).toMatchObject({ status: 1 });
  expect(sent).toBeLessThan(2 ** 26);
});

it('ends at once by Ctrl-C while a process does not respond', async () => {
  const asked = vi.fn();
  const file = await listen(asked);
  const ended = top(file);
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  const begun = performance.now();
  process.emit('SIGINT');
  expect(await ended).toMatchObject({ status: 130, stderr: '' });
  // And does not wait for the response, for two seconds in all.
  expect(performance.now() - begun).toBeLessThan(1_500);
});

it('takes the export of a program', async () => {
  const simulation = simulate();
  const subsystem = simulation.addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:top');
  subsystem.addNamespace(1);
  const env = await Environment.init();
  await env.attachSubsystem([subsystem.id]);
  const { path: file } = await exportStats(env, { path: path.join(folder, 'export') });
  const { status, stdout } = await top(file, '-o', 'json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout.toString()).processes).toMatchObject([
    { controllers: [{ state: 'attached' }], subsystems: [{ nqn: subsystem.nqn }] },
  ]);
  await env.close();
  simulation.restore();
});
