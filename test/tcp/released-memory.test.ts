// DMA memory that was released can be used again immediately: it need not wait for the event loop, or for the garbage collector.

import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment, type Namespace } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4663' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:released-memory';
const MiB = 2 ** 20;

let target: SpdkTarget;
let env: Environment;
let ns: Namespace;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    subsystems: [{ nqn, serial: 'MEMORY', disk: { kind: 'malloc', sizeMb: 64, blockSize: 512 } }],
  });
  ensureHugepages(64);
  env = await Environment.init({ memoryMb: 64 });
  const controller = await env.attach(listenerId(listener, nqn), { ioQueues: 4, queueDepth: 32 });
  ns = controller.namespaces[0] as Namespace;
});

afterAll(async () => {
  await env?.close();
  await target?.stop();
});

it('a released buffer makes room for the next one in the same turn, which outlives what is left of it', async () => {
  const before = env.stats().memory.ownBytes;
  for (let i = 0; i < 200; i++) env.allocate(MiB).release();
  expect(env.stats().memory.ownBytes).toBe(before);
  using last = env.allocate(MiB);
  // Now the finalizers of the other buffers run.
  await setImmediate();
  await setImmediate();
  expect(env.stats().memory.ownBytes).toBe(before + MiB);
  await ns.read(last, { offset: 0 });
});
