// Offsets that need more than 32 bits, and two batches on one controller, over TCP on loopback; the disk is a sparse file.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Batch, type DmaBuffer, Environment, type Namespace, type QueuePair } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { Random } from '../../scripts/testing/random.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4635' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:large-disk';
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const diskBytes = 2_200 * GiB;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'large-disk-'));
const file = path.join(folder, 'disk');

let target: SpdkTarget;
let env: Environment;
let ns: Namespace;

beforeAll(async () => {
  fs.writeFileSync(file, '');
  fs.truncateSync(file, diskBytes);
  target = await startSpdkTarget({
    listener,
    subsystems: [{ nqn, serial: 'LARGE', disk: { kind: 'file', path: file, blockSize: 512 } }],
  });
  ensureHugepages(64);
  env = await Environment.init({ memoryMb: 64, pollers: 2 });
  const controller = await env.attach(listenerId(listener, nqn), { ioQueues: 2, queueDepth: 16 });
  ns = controller.namespaces[0] as Namespace;
});

afterAll(async () => {
  await env?.close();
  await target?.stop();
  fs.rmSync(folder, { recursive: true });
});

/** Reads the disk's file, without this package and the target. */
function onDisk(offset: number, length: number): Buffer {
  const fd = fs.openSync(file, 'r');
  const bytes = Buffer.alloc(length);
  fs.readSync(fd, bytes, 0, length, offset);
  fs.closeSync(fd);
  return bytes;
}

// The limits of 32 bits, in bytes and in blocks of 512 bytes: 2^32 blocks are 2 TiB.
it.each([
  ['across 4 GiB', 4 * GiB - MiB],
  ['at 4 GiB', 4 * GiB],
  ['above 4 GiB', 5 * GiB + 512],
  ['across 2 TiB', 2_048 * GiB - MiB],
  ['above 2 TiB', 2_049 * GiB + 512],
])('reads and writes reach the blocks %s', async (_where, offset) => {
  expect(ns.bytes).toBe(diskBytes);
  const content = new Random(offset % 1_000).bytes(3 * MiB);
  await ns.write(content, { offset });
  await ns.flush();
  expect(onDisk(offset, content.length).equals(content)).toBe(true);
  expect((await ns.read(Buffer.alloc(content.length), { offset })).equals(content)).toBe(true);
  expect(onDisk(0, MiB).every((byte) => byte === 0)).toBe(true);
});

it('two batches on two queue pairs of one controller keep their commands apart', async () => {
  const size = 4_096;
  const count = 12;
  const open = (queuePair: QueuePair, seed: number) => {
    const buffer = env.allocate(count * size);
    buffer.set(new Random(seed).bytes(buffer.length));
    return { batch: queuePair.openBatch(), buffer, seed, tags: new Set<number>() };
  };
  const [first, second] = ns.controller.queuePairs as [QueuePair, QueuePair];
  const both = [open(first, 1), open(second, 2)];
  const finish = async ({ batch, tags }: { batch: Batch; tags: Set<number> }) => {
    batch.submit();
    while (batch.outstanding > 0) {
      const done = await batch.wait();
      for (let i = 0; i < done; i++) {
        expect(batch.statuses[i]).toBe(0);
        tags.add(batch.tags[i] as number);
      }
    }
  };
  /** Takes turns, and sends each half of the commands while the other's are on their way. */
  const run = async (command: 'read' | 'write') => {
    for (let i = 0; i < count; i++) {
      for (const [which, { batch, buffer }] of both.entries()) {
        const offset = 6 * GiB + (2 * i + which) * size;
        expect(batch[command](ns, buffer as DmaBuffer, i * size, offset, size, 100 * which + i)).toBe(true);
        if (i === count / 2) batch.submit();
      }
    }
    await Promise.all(both.map(finish));
    for (const [which, { tags }] of both.entries()) {
      expect([...tags].sort()).toEqual(Array.from({ length: count }, (_, i) => 100 * which + i).sort());
      tags.clear();
    }
  };
  await run('write');
  for (const { buffer } of both) buffer.fill(0);
  await run('read');
  for (const { batch, buffer, seed } of both) {
    expect(buffer.equals(new Random(seed).bytes(buffer.length))).toBe(true);
    batch.close();
    buffer.release();
  }
});
