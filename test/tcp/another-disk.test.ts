// A target that is killed with writes outstanding, and restarts with a disk of the same shape under the same namespace
// id: what was meant for the first disk reaches no other.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Controller, Environment, type Namespace } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { pollings } from '../integration/support/each-polling.js';
import { codeOf, within } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4485' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:another';
const id = `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
const sizeMb = 8;
/** More than the queue pair has room for, so that some wait. */
const writeCount = 300;

let folder: string;
let target: SpdkTarget | undefined;
let env: Environment;
let controller: Controller;

/** Starts the target with a new disk, full of zeroes; gives its file. */
async function start(name: string, identity: string, delayUs: number): Promise<string> {
  const file = path.join(folder, name);
  fs.writeFileSync(file, Buffer.alloc(sizeMb << 20));
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      { nqn, serial: 'DISK', identity, disk: { kind: 'delay', sizeMb, blockSize: 512, delayUs, path: file } },
    ],
  });
  return file;
}

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-another-'));
  ensureHugepages(128);
  env = await Environment.init({ pollers: 1, memoryMb: 128 });
});
afterEach(async () => {
  try {
    await controller?.detach({ drainMs: 0 });
  } finally {
    await target?.stop('SIGKILL');
  }
});
afterAll(async () => {
  await env?.close();
  fs.rmSync(folder, { recursive: true });
});

describe.each(pollings)('writes that are held, polled by %s', (polling) => {
  /** What becomes of writes over a reset, and what the disk that is there afterwards holds. */
  async function restartedWith(after: string): Promise<{ codes: Set<string>; disk: Buffer; ns: Namespace }> {
    await start('before', 'first', 60_000_000);
    controller = await env.attach(id, {
      polling,
      ioQueues: 1,
      timeoutMs: 30_000,
      reconnectDelayMs: 200,
      ctrlrLossTimeoutMs: 60_000,
    });
    const ns = controller.namespaces[0] as Namespace;
    const writes = Promise.all(
      Array.from({ length: writeCount }, (_, i) =>
        codeOf(ns.write(Buffer.alloc(512, 0x5a), { offset: i * 512 })),
      ),
    );
    await sleep(300);
    await target?.stop('SIGKILL');
    const file = await start('after', after, 0);
    const codes = new Set(await within(60_000, writes));
    return { codes, disk: fs.readFileSync(file), ns };
  }

  it('end with ERR_SPDK_NAMESPACE_GONE when it is another disk, which gets nothing of them', async () => {
    const { codes, disk, ns } = await restartedWith('second');
    expect(codes).toEqual(new Set(['ERR_SPDK_NAMESPACE_GONE']));
    expect(disk.every((byte) => byte === 0)).toBe(true);
    // The disk that is there now is another object, whose news comes on a way of its own.
    await vi.waitFor(() => expect(controller.namespaces[0]).not.toBe(ns), { timeout: 10_000 });
    expect(await codeOf(ns.read(Buffer.alloc(512), { offset: 0 }))).toBe('ERR_SPDK_NAMESPACE_GONE');
    expect(await codeOf((controller.namespaces[0] as Namespace).flush())).toBe('none');
  });

  it('arrive when it is the same disk', async () => {
    const { codes, disk, ns } = await restartedWith('first');
    expect(codes).toEqual(new Set(['none']));
    expect(disk.subarray(0, writeCount * 512).every((byte) => byte === 0x5a)).toBe(true);
    expect(controller.namespaces[0]).toBe(ns);
  });
});

it('admin commands that are given during a reset reach no other disk that is there since', async () => {
  await start('before', 'first', 0);
  controller = await env.attach(id, { timeoutMs: 30_000 });
  const [before] = controller.namespaces;
  // Without events only the reset detects the change.
  await controller.admin.setFeature(0x0b, 0);
  await target?.call('bdev_malloc_create', { name: 'Other', num_blocks: 2048, block_size: 512 });
  await target?.call('nvmf_subsystem_remove_ns', { nqn, nsid: 1 });
  await target?.call('nvmf_subsystem_add_ns', { nqn, namespace: { bdev_name: 'Other', nsid: 1 } });
  // Format NVM of this namespace and of all namespaces, and Sanitize.
  const commands = [
    { opcode: 0x80, nsid: 1 },
    { opcode: 0x80, nsid: 0xffff_ffff },
    { opcode: 0x84, cdw: [4] },
  ];
  const send = () => Promise.all(commands.map((command) => codeOf(controller.admin.send(command))));
  const meanwhile = new Promise((resolve) => controller.once('resetting', () => resolve(send())));
  await controller.reset();
  expect(await meanwhile).toEqual(commands.map(() => 'ERR_SPDK_NAMESPACE_GONE'));
  // The target has neither, and says so of the disk that is there now.
  await vi.waitFor(() => expect(controller.namespaces[0]).not.toBe(before), { timeout: 10_000 });
  expect(await codeOf(controller.namespaces[0]?.flush() ?? Promise.reject())).toBe('none');
  expect(await send()).toEqual(commands.map(() => 'ERR_SPDK_IO_FAILED'));
});
