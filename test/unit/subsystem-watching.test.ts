// What tools see of a subsystem over several paths: the list of the environment, channels, exported statistics, and how the
// command line shows it.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readSnapshot } from '../../cli/engine/target/stats-client.js';
import { anaText } from '../../cli/engine/terminal/ana.js';
import { anaLogBytes, decodeAnaLog, reportsAna } from '../../cli/nvme/logs.js';
import { Environment, exportStats, type Subsystem } from '../../lib/index.js';
import {
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { until } from './memory/two-paths.js';

const nqn = 'nqn.2026-01.com.example:shared';
const channels = ['spdk-nvme:path', 'spdk-nvme:ana', 'spdk-nvme:failover', 'spdk-nvme:no-path'] as const;

let simulation: Simulation;
let targets: MemoryTarget[];
let sides: MemorySubsystem[];
let env: Environment;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-watching-'));
  simulation = simulate();
  targets = ['192.0.2.1', '192.0.2.2'].map((traddr) => simulation.addTarget({ traddr }));
  sides = targets.map((target) => target.addSubsystem(nqn));
  for (const id of [1, 2]) {
    const disk = sides[0]?.addNamespace(id, { blocks: 64 });
    if (disk) sides[1]?.shareNamespace(disk);
  }
  env = await Environment.init();
});
afterEach(async () => {
  await env.close();
  simulation.restore();
  rmSync(folder, { recursive: true });
});

async function attach(): Promise<Subsystem> {
  const subsystem = await env.attachSubsystem(
    sides.map(({ id }) => id),
    { reconnectDelayMs: 10 },
  );
  await until(() => subsystem.paths.every(({ state }) => state === 'up'));
  return subsystem;
}

it('the environment lists the subsystems that are not detached', async () => {
  expect(env.subsystems).toEqual([]);
  const subsystem = await attach();
  expect(env.subsystems).toEqual([subsystem]);
  await subsystem.detach();
  expect(env.subsystems).toEqual([]);
  for (const target of targets) target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'no' };
  await expect(env.attachSubsystem([sides[0]?.id ?? ''])).rejects.toThrow();
  expect(env.subsystems).toEqual([]);
});

it('channels report what happens to paths', async () => {
  const heard: string[] = [];
  const listeners = channels.map((name) => {
    const listener = (message: unknown) => {
      const { change, state, subsystem } = message as Record<string, unknown>;
      heard.push([name.slice(10), change ?? state].filter(Boolean).join(' '));
      expect(subsystem).toBeDefined();
    };
    subscribe(name, listener);
    return () => unsubscribe(name, listener);
  });
  const subsystem = await attach();
  const used = subsystem.paths.indexOf(subsystem.pathsOf(subsystem.namespaces[0] as never)[0] as never);
  await until(() => heard.length === 2);
  sides[1 - used]?.setAna(1, 'non-optimized');
  await until(() => heard.includes('ana non-optimized'));
  sides[1 - used]?.setAna(1, 'optimized');
  await until(() => heard.includes('ana optimized'));
  targets[used]?.dropLinks();
  await until(() => heard.filter((line) => line === 'path up').length === 3);
  for (const side of sides) side.setAna(1, 'change');
  await until(() => heard.filter((line) => line === 'ana change').length === 2);
  const flush = subsystem.namespaces[0]?.flush();
  await until(() => heard.includes('no-path'));
  sides[0]?.setAna(1, 'optimized');
  await flush;
  const [one] = subsystem.paths;
  if (one) await subsystem.removePath(one);
  await until(() => heard.includes('path removed'));
  expect(heard.slice(0, 2)).toEqual(['path up', 'path up']);
  expect(heard).toContain('path down');
  expect(heard).toContain('failover');
  for (const end of listeners) end();
});

it('statistics cannot be exported where there can be no folder for their socket', async () => {
  try {
    // /proc counts only for root, whose it is.
    for (const missing of [path.join(folder, 'missing'), ...(process.getuid?.() === 0 ? ['/proc'] : [])]) {
      vi.stubEnv('XDG_RUNTIME_DIR', missing);
      await expect(exportStats(env)).rejects.toMatchObject({
        code: 'ERR_SPDK_INVALID_ARG_VALUE',
        message: expect.stringContaining('ENOENT'),
      });
    }
  } finally {
    vi.unstubAllEnvs();
  }
});

it('exported statistics have its paths, with their ANA states and counters', async () => {
  const subsystem = await attach();
  sides[1]?.setAna(2, 'inaccessible');
  await until(() => subsystem.paths[1]?.ana(2) === 'inaccessible');
  await subsystem.namespaces[0]?.flush();
  using exported = await exportStats(env, { path: path.join(folder, 'a.sock') });
  const snapshot = await readSnapshot(exported.path);
  expect(snapshot?.subsystems).toMatchObject([
    {
      nqn,
      policy: 'active-passive',
      paths: [
        {
          transportId: { traddr: '192.0.2.1' },
          state: 'up',
          failedOver: 0,
          ana: [
            { namespace: 1, state: 'optimized' },
            { namespace: 2, state: 'optimized' },
          ],
        },
        { ana: [{ state: 'optimized' }, { namespace: 2, state: 'inaccessible' }] },
      ],
    },
  ]);
  expect(snapshot?.subsystems[0]?.paths.reduce((sum, { sent }) => sum + sent, 0)).toBe(1);
});

it('the command line decodes the ANA log as the library does, and says a state once if all have it', async () => {
  const subsystem = await attach();
  sides[0]?.setAna(2, 'non-optimized');
  await until(() => subsystem.paths[0]?.ana(2) === 'non-optimized');
  const { admin } = subsystem.paths[0]?.controller ?? expect.fail();
  const idCtrl = await admin.identify(1, 0);
  expect(reportsAna(idCtrl)).toBe(true);
  const page = await admin.logPage(0x0c, anaLogBytes(idCtrl));
  const states = decodeAnaLog(page).flatMap(({ nsids, state }) => nsids.map((id) => `${id} ${state}`));
  expect(states.sort()).toEqual(['1 optimized', '2 non-optimized']);
  // A target may send anything.
  for (let bytes = 16; bytes < page.length; bytes += 3) decodeAnaLog(page.subarray(0, bytes));
  expect(decodeAnaLog(Buffer.alloc(64, 0xff))).toHaveLength(1);
  expect(anaText([])).toBe('');
  expect(anaText([1, 2].map((namespace) => ({ namespace, state: 'change' })))).toBe('change');
  expect(
    anaText([
      { namespace: 1, state: 'optimized' },
      { namespace: 2, state: 'change' },
    ]),
  ).toBe('1: optimized, 2: change');
});
