// Child processes inherit nothing of SPDK's, whenever they are started, and nothing of SPDK's is taken for standard output.

import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';
import {
  inheritedNow,
  inheritedWhile,
  openFiles,
  startSleeper,
} from '../integration/support/child-process.js';
import { freeHugepages } from '../integration/support/proc.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4615' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:heirs';
const id = `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4615 subnqn:${nqn}`;
const childFile = (name: string) => fileURLToPath(new URL(`children/${name}`, import.meta.url));
/** What a child process inherits before SPDK has started. */
const before = inheritedNow();

let env: Environment | undefined;
let target: SpdkTarget;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    sharedBuffers: 511,
    subsystems: [{ nqn, serial: 'HEIRS', disk: { kind: 'malloc', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(256);
});

afterEach(async () => {
  await env?.close();
  env = undefined;
});

afterAll(() => target.stop('SIGKILL'));

it('a child has what it had before there was SPDK, whatever SPDK is doing', async () => {
  env = await Environment.init({ memoryMb: 64 });
  expect(inheritedNow(), 'after the start').toEqual(before);

  const during = new Set<string>();
  const controller = await inheritedWhile(env.attach(id, { ioQueues: 4 }), during);
  expect(inheritedNow(), 'after an attach').toEqual(before);

  const memory = env.stats().memory;
  const more = env.allocate(96 << 20);
  expect(env.stats().memory.totalBytes).toBeGreaterThan(memory.totalBytes);
  expect(inheritedNow(), 'after more memory').toEqual(before);
  more.release();

  await inheritedWhile(controller.reset(), during);
  expect(inheritedNow(), 'after a reset').toEqual(before);
  expect([...during].sort()).toEqual([...new Set(before)].sort());

  const child = startSleeper();
  await controller.detach();
  await expectNoConnections(['4615']);
  expect(openFiles(child.pid)).toEqual(before);
  child.kill('SIGKILL');
});

it('nor has a child of a worker', async () => {
  const worker = new Worker(childFile('inherited.mjs'), { workerData: { id } });
  const [children] = await once(worker, 'message');
  expect(openFiles(children.attached)).toEqual(openFiles(children.before));
  worker.postMessage('looked');
  await once(worker, 'message');
  await worker.terminate();
});

it('a child that outlives its process keeps no hugepages', async () => {
  const pages = freeHugepages();
  const { stdout, stderr } = spawnSync(process.execPath, [childFile('outlived.mjs'), id], {
    encoding: 'utf8',
  });
  const child = Number(stdout);
  expect({ child: child > 0, stderr }).toEqual({ child: true, stderr: '' });
  try {
    expect(openFiles(child)).toEqual(before);
    // What an earlier process or worker had may be free only now.
    await expect.poll(freeHugepages).toBeGreaterThanOrEqual(pages);
  } finally {
    process.kill(child, 'SIGKILL');
  }
});

it.each(['init', 'attach', 'reset'])(
  'a program that closes its output before %s prints into no connection',
  async (step) => {
    const child = fork(childFile('closed-output.mjs'), [id, step], { stdio: 'ignore' });
    const sent: unknown[] = [];
    child.on('message', (message) => sent.push(message));
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(sent).toEqual([{ standard: [], read: 512 }]);
  },
);
