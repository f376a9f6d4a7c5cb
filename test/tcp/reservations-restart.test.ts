// Reservations over a restart of nvmf_tgt that keeps them in a file.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Controller, Environment, type Namespace } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { eventually } from '../integration/support/timing.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:kept';
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4498' } as const;
const key = 0x5eed_0000_0000_0001n;
const conflict = { code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 0, sc: 0x83 } };

let folder: string;
let file: string;
let target: SpdkTarget | undefined;
let env: Environment;

async function start(): Promise<void> {
  // The target keeps them for this disk only.
  const uuid = '5d9f4a2e-0c1b-4f6e-8a73-1b2c3d4e5f60';
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512, uuid } as const;
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'KEPT', disk, reservationsFile: file }],
  });
}

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-kept-'));
  file = path.join(folder, 'reservations');
  ensureHugepages(256);
  env = await Environment.init({ pollers: 1, memoryMb: 64 });
  await start();
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
  fs.rmSync(folder, { recursive: true });
});

const only = (controller: Controller) => controller.namespaces[0] as Namespace;

it('stay if the host asked for it, and go otherwise', async () => {
  const policy = { ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 100 };
  const controller = await env.attach(listenerId(listener, nqn), policy);
  const restart = async () => {
    await target?.stop('SIGKILL');
    // v24.01 and later leave an empty file when there is nothing to keep, and do not start with it.
    if (fs.statSync(file).size === 0) fs.rmSync(file);
    await start();
    expect(await eventually(limits.noticed, () => controller.state === 'attached')).toBe(true);
  };
  const { reservations } = only(controller);
  await reservations.register(key, { persistent: true });
  await reservations.acquire(key, 'write-exclusive');
  await restart();
  const kept = await only(controller).reservations.report();
  expect(kept).toMatchObject({ type: 'write-exclusive', registrants: [{ key, holder: true }] });
  await only(controller).write(Buffer.alloc(512), { offset: 0 });
  const theirs = { hostNqn: `${nqn}-other`, hostId: '00000000-0000-4000-8000-00000000000b' };
  const other = await env.attach(listenerId(listener, nqn), theirs);
  await expect(only(other).write(Buffer.alloc(512), { offset: 0 })).rejects.toMatchObject(conflict);
  await other.detach();

  await only(controller).reservations.register(key, { persistent: false });
  await restart();
  expect((await only(controller).reservations.report()).registrants).toEqual([]);
  await controller.detach();
});
