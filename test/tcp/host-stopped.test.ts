// A host that is stopped for longer than the keep-alive timeout, as a stopped process, a suspended machine or a paused
// virtual one does: the target is alive, and must not count as dead.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, it, type TestContext } from 'vitest';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { lastReport } from '../support/last-report.js';
import { enables, holdAt } from './holding-proxy.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4469' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:stopped';
const slowNqn = `${nqn}-slow`;
/** `nvmf_tgt` grants ten seconds instead, so it does not drop a host that is stopped for a few. */
const keepAliveMs = 1_000;
const stoppedMs = 3_000;
/** The default of a detach, and of a close. */
const detachLimitMs = 5_000;

let target: SpdkTarget;
beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      { nqn, serial: 'STOPPED', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } },
      {
        nqn: slowNqn,
        serial: 'SLOW',
        disk: { kind: 'delay', sizeMb: 16, blockSize: 512, delayUs: 300_000 },
      },
    ],
  });
  ensureHugepages(8 * 64);
});
afterAll(() => target?.stop());

const allOptions = [
  { polling: 'threads' },
  { polling: 'inline' },
  { polling: 'adaptive' },
  { polling: 'threads', ctrlrLossTimeoutMs: 60_000 },
];

// All processes at the same time: a stopped one uses no processor time.
it.concurrent('a process that was stopped goes on, whatever its options are', async ({
  onTestFinished,
  expect,
}) => {
  await Promise.all(allOptions.map((options) => goesOn(options, onTestFinished, expect)));
});

async function goesOn(
  options: object,
  onTestFinished: TestContext['onTestFinished'],
  expect: TestContext['expect'],
): Promise<void> {
  const program = fileURLToPath(new URL('children/attached.mjs', import.meta.url));
  const id = listenerId(listener, nqn);
  const child = fork(program, [JSON.stringify({ id, options: { keepAliveMs, ...options } })]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  // At several moments between two Keep Alives: they are a quarter of a second apart.
  for (const pauseMs of [400, 70, 150]) {
    await sleep(pauseMs);
    child.kill('SIGSTOP');
    await sleep(stoppedMs / (pauseMs === 400 ? 1 : 2));
    child.kill('SIGCONT');
  }
  await sleep(500);
  child.send('report');
  const { report, end } = await lastReport(child);
  const which = JSON.stringify(options);
  expect(report, which).toMatchObject({ state: 'attached', reported: [] });
  expect((report as { readsSince: number }).readsSince, which).toBeGreaterThan(5);
  expect(end, which).toEqual([0, null]);
}

it.concurrent('I/O, a detach and a close end well if the process is stopped for longer than their time limit', async ({
  onTestFinished,
  expect,
}) => {
  const stop = async (moment: string) => {
    const program = fileURLToPath(new URL('children/stopped.mjs', import.meta.url));
    const options = { hostNqn: `nqn.2026-11.dev.spdk-nvme:host-${moment}` };
    const child = fork(program, [JSON.stringify({ id: listenerId(listener, slowNqn), options, moment })]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'message');
    child.kill('SIGSTOP');
    await sleep(detachLimitMs + 1_000);
    child.kill('SIGCONT');
    const { report, end } = await lastReport(child);
    expect(report, moment).toMatchObject({ outcome: 'done', state: 'detached' });
    expect(end, moment).toEqual([0, null]);
  };
  await Promise.all(['io', 'detach', 'close'].map(stop));
});

it.concurrent('attach ends well if the process is stopped for longer than its time limit', async ({
  onTestFinished,
  expect,
}) => {
  const proxy = await holdAt(Number(listener.trsvcid), enables, { holdIt: true });
  onTestFinished(() => proxy.close());
  const program = fileURLToPath(new URL('children/stopped-attach.mjs', import.meta.url));
  const id = listenerId({ ...listener, trsvcid: String(proxy.port) }, nqn);
  const options = { hostNqn: 'nqn.2026-11.dev.spdk-nvme:host-attach', timeoutMs: 2_000 };
  const child = fork(program, [JSON.stringify({ id, options })]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await proxy.held;
  child.kill('SIGSTOP');
  proxy.release();
  await sleep(stoppedMs);
  child.kill('SIGCONT');
  const { report, end } = await lastReport(child);
  expect(report).toEqual({ outcome: 'attached' });
  expect(end).toEqual([0, null]);
});
