// A process whose JavaScript a debugger has paused for longer than the time limits and the keep-alive timeout. The threads of this package
// go on meanwhile: an attach and a detach that have succeeded in that time have not timed out. Reads have no limit here: one that is called but
// not yet sent when the pause begins does time out.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { pollings } from '../integration/support/each-polling.js';
import { lastReport } from '../support/last-report.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:debugger';
const pausedMs = 12_000;

const local = localTarget({
  port: '4467',
  subsystems: [{ nqn, serial: 'PAUSED', disk: { kind: 'null', sizeMb: 64, blockSize: 512 } }],
});

const moments = ['attach', 'io', 'detach'];

/** All processes at the same time, because a paused one waits: each has the memory of its environment. */
beforeAll(() => ensureHugepages(moments.length * pollings.length * 64));

it.concurrent.for(moments)('goes on after a pause during %s', async (moment, { onTestFinished, expect }) => {
  const program = fileURLToPath(new URL('children/paused.mjs', import.meta.url));
  const pause = async (polling: string) => {
    const hostNqn = `nqn.2026-11.dev.spdk-nvme:host-${moment}-${polling}`;
    const options = { polling, keepAliveMs: 2_000, hostNqn };
    const child = fork(program, [JSON.stringify({ id: local.id(nqn), options, moment, pausedMs })]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const { report, end } = await lastReport(child);
    expect(report, polling).toEqual({ state: 'attached', reported: [] });
    expect(end, polling).toEqual([0, null]);
  };
  await Promise.all(pollings.map(pause));
});
