// `spdk-nvme top`, and the statistics of a process that another one reads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSnapshot } from '../../cli/engine/target/stats-client.js';
import { Environment, exportStats } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { killedAtEnd } from '../integration/support/killed-at-end.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4489' } as const;
const subnqn = 'nqn.2026-11.dev.spdk-nvme:top';
const target = ['-t', 'tcp', '-a', listener.traddr, '-s', listener.trsvcid, '-n', subnqn];
const folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-top-'));
const env = { XDG_RUNTIME_DIR: folder };

let spdk: SpdkTarget;
beforeAll(async () => {
  spdk = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn: subnqn, serial: 'TOP', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  });
  ensureHugepages(256);
});
afterAll(async () => {
  await spdk?.stop();
  rmSync(folder, { recursive: true });
});

const cli = (...words: string[]) =>
  execa(process.execPath, [main, ...words], { reject: false, env, timeout: 60_000 });

describe('top', () => {
  it('reports that no process exports its statistics, and rejects unknown arguments', async () => {
    expect(await cli('top')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('exportStats()') });
    expect(await cli('top', '/nowhere')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('/nowhere'),
    });
    expect((await cli('top', '--interval', '0')).exitCode).toBe(2);
  });

  it('shows a running stress, whose controllers come and go', async () => {
    const words = ['--seconds', '60', '--reads', '--timeout', '20000'];
    const stress = spawn(process.execPath, [main, 'stress', ...target, ...words], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    const ended = once(stress, 'exit');
    const socket = path.join(folder, `spdk-nvme/spdk-nvme-${stress.pid}.sock`);
    try {
      await expect.poll(() => existsSync(socket), { timeout: 30_000 }).toBe(true);
      const seen = new Set<string>();
      await expect
        .poll(
          async () => {
            const { processes } = JSON.parse((await cli('top', '-o', 'json')).stdout);
            expect(processes).toMatchObject([{ pid: stress.pid, program: 'spdk-nvme stress' }]);
            for (const { transportId } of processes[0].controllers) seen.add(transportId);
            return [...seen];
          },
          { timeout: 30_000 },
        )
        .toEqual([expect.stringContaining(subnqn)]);
    } finally {
      stress.kill('SIGINT');
    }
    expect(await ended).toEqual([130, null]);
    expect(existsSync(socket)).toBe(false);
  });

  it('draws again and again on a terminal, until Ctrl-C is typed', async () => {
    const perf = spawn(process.execPath, [main, 'perf', ...target, '--seconds', '60'], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    const perfEnded = once(perf, 'exit');
    const socket = path.join(folder, `spdk-nvme/spdk-nvme-${perf.pid}.sock`);
    try {
      await expect.poll(() => existsSync(socket), { timeout: 30_000 }).toBe(true);
      const command = `${process.execPath} ${main} top`;
      const top = killedAtEnd(
        spawn('script', ['-qefc', command, '/dev/null'], {
          env: { ...process.env, ...env },
          stdio: ['pipe', 'pipe', 'inherit'],
        }),
      );
      const ended = once(top, 'exit');
      let drawn = '';
      top.stdout.on('data', (part) => {
        drawn += part;
      });
      const terminal = { timeout: 20_000 };
      await expect.poll(() => drawn.split('\x1b[H\x1b[2J').length, terminal).toBeGreaterThan(2);
      // The other process may just have been attaching.
      await expect.poll(() => drawn, terminal).toContain(subnqn);
      top.stdin.write('\x03');
      expect(await ended).toEqual([130, null]);
      expect(drawn).not.toMatch(/\n\s+at /);
    } finally {
      perf.kill('SIGINT');
      await perfEnded;
    }
  });

  it('shows a running perf: rates, latency, queue depth, state', async () => {
    const perf = spawn(process.execPath, [main, 'perf', ...target, '--depth', '8', '--seconds', '60'], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => perf.once('exit', resolve));
    const socket = path.join(folder, `spdk-nvme/spdk-nvme-${perf.pid}.sock`);
    try {
      await expect
        .poll(async () => (await readSnapshot(socket))?.controllers.length, { timeout: 30_000 })
        .toBe(1);
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      // Once reads complete: they begin after the attach.
      await expect
        .poll(async () => (await readSnapshot(socket))?.controllers[0]?.completed, { timeout: 10_000 })
        .toBeGreaterThan(0);
      const { stdout } = await cli('top', '-o', 'json');
      const { schema, processes } = JSON.parse(stdout);
      expect({ schema, processes }).toMatchObject({
        schema: 1,
        processes: [
          {
            pid: perf.pid,
            program: 'spdk-nvme perf',
            socket,
            controllers: [{ state: 'attached', ioQueues: 1 }],
          },
        ],
      });
      const [controller] = processes[0].controllers;
      expect(controller.transportId).toContain(subnqn);
      expect(controller.iops).toBeGreaterThan(100);
      expect(controller.readBytesPerSecond).toBeGreaterThan(controller.iops * 4_000);
      expect(controller.p99Us).toBeGreaterThanOrEqual(controller.p50Us);
      expect((await cli('top', '--count', '1')).stdout).toContain(subnqn);
    } finally {
      perf.kill('SIGINT');
      await ended;
    }
    expect(existsSync(socket)).toBe(false);
  });
});

describe('several paths to one subsystem', () => {
  const second = { ...listener, trsvcid: '4490' } as const;
  const ids = [listener, second].map((one) => listenerId(one, subnqn)) as [string, string];
  beforeAll(async () => {
    const listen_address = { ...second, adrfam: 'IPv4' };
    await spdk.call('nvmf_subsystem_add_listener', { nqn: subnqn, listen_address });
  });

  it('are shown by top as they are used, and as they are lost', async () => {
    const environment = await Environment.init({ memoryMb: 64 });
    const exported = await exportStats(environment, { path: path.join(folder, 'paths.sock') });
    try {
      const subsystem = await environment.attachSubsystem(ids, { reconnectDelayMs: 100 });
      const [first, other] = subsystem.paths;
      await expect.poll(() => [first?.state, other?.state], { timeout: 20_000 }).toEqual(['up', 'up']);
      subsystem.prefer(other);
      for (let i = 0; i < 3; i++) await subsystem.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
      const shown = async () =>
        JSON.parse((await cli('top', exported.path, '-o', 'json')).stdout).processes[0];
      const { subsystems, controllers } = await shown();
      expect(controllers).toHaveLength(2);
      expect(subsystems).toMatchObject([
        {
          nqn: subnqn,
          policy: 'active-passive',
          paths: [
            {
              transportId: { trsvcid: '4489' },
              state: 'up',
              sent: 0,
            },
            {
              transportId: { trsvcid: '4490' },
              state: 'up',
              sent: 3,
            },
          ],
        },
      ]);
      const listen_address = { ...second, adrfam: 'IPv4' };
      await spdk.call('nvmf_subsystem_remove_listener', { nqn: subnqn, listen_address });
      void other?.controller?.reset().catch(() => {});
      await expect.poll(() => other?.state, { timeout: 20_000 }).toBe('reconnecting');
      await subsystem.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
      expect((await shown()).subsystems[0].paths).toMatchObject([
        { state: 'up', sent: 1 },
        { state: 'reconnecting', sent: 3 },
      ]);
      const { stdout } = await cli('top', exported.path, '--count', '1');
      expect(stdout).toMatch(/reconnecting/);
      await spdk.call('nvmf_subsystem_add_listener', { nqn: subnqn, listen_address });
      await expect.poll(() => other?.state, { timeout: 20_000 }).toBe('up');
    } finally {
      await environment.close();
    }
  });

  it('are shown by list-subsys', async () => {
    const { stdout } = await cli('list-subsys', ...target.slice(0, -2), '-o', 'json');
    const Paths = [listener, second].map(({ traddr, trsvcid }) => ({
      Transport: 'tcp',
      Address: `traddr=${traddr},trsvcid=${trsvcid}`,
      State: 'live',
    }));
    expect(JSON.parse(stdout).Subsystems).toEqual([{ NQN: subnqn, Paths: expect.arrayContaining(Paths) }]);
  });
});

describe('exportStats()', () => {
  it('gives each reader a snapshot until it is closed, at a path of one’s own too', async () => {
    const environment = await Environment.init({ memoryMb: 64 });
    const file = path.join(folder, 'own.sock');
    try {
      const exported = await exportStats(environment, { path: file });
      expect(exported.path).toBe(file);
      expect(await Promise.all([readSnapshot(file), readSnapshot(file)])).toMatchObject([
        { schema: 1, pid: process.pid, controllers: [] },
        { schema: 1, pid: process.pid, controllers: [] },
      ]);
      await expect(exportStats(environment, { path: file })).rejects.toMatchObject({
        code: 'ERR_SPDK_INVALID_ARG_VALUE',
      });
      expect(await readSnapshot(file)).toBeDefined();
      exported.close();
      expect(existsSync(file)).toBe(false);
      expect(await readSnapshot(file)).toBeUndefined();
    } finally {
      await environment.close();
    }
  });
});
