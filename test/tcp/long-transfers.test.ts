// Transfers far beyond one command, in little DMA memory, over TCP on loopback.

import { describe, expect, it } from 'vitest';
import type { Namespace } from '../../lib/index.js';
import { Random } from '../../scripts/testing/random.js';
import { pollings } from '../integration/support/each-polling.js';
import { codeOf } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';

const nqns = { memory: 'nqn.2026-11.dev.spdk-nvme:memory', large: 'nqn.2026-11.dev.spdk-nvme:large' };
const MiB = 1 << 20;
const length = 60 * MiB;

const local = localTarget({
  port: '4484',
  memoryMb: 512,
  subsystems: [
    { nqn: nqns.memory, serial: 'MEMORY', disk: { kind: 'malloc', sizeMb: 128, blockSize: 512 } },
    { nqn: nqns.large, serial: 'LARGE', disk: { kind: 'null', sizeMb: 550, blockSize: 512 } },
  ],
  environment: { memoryMb: 256 },
});

async function attach(nqn: string, options = {}): Promise<Namespace> {
  const controller = await local.env.attach(local.id(nqn), { timeoutMs: 30_000, ...options });
  return controller.namespaces[0] as Namespace;
}

describe.each(pollings)('with plain buffers, polled by %s', (polling) => {
  it('60 MiB arrive as they were at the call, and compare to the last block', async () => {
    const ns = await attach(nqns.memory, { polling });
    const content = new Random(1).bytes(length);
    const source = Buffer.from(content);
    const writing = ns.write(source, { offset: 512 });
    source.fill(0);
    await writing;
    expect((await ns.read(Buffer.alloc(length), { offset: 512 })).equals(content)).toBe(true);
    if (ns.supports.compare) {
      expect(await codeOf(ns.compare(content, { offset: 512 }))).toBe('none');
      content[length - 1] = (content[length - 1] as number) ^ 1;
      expect(await codeOf(ns.compare(content, { offset: 512 }))).toBe('ERR_SPDK_IO_FAILED');
    }
    await ns.controller.detach();
  });

  it('a thousand buffers of odd sizes', async () => {
    const ns = await attach(nqns.memory, { polling });
    const random = new Random(2);
    const sizes = Array.from({ length: 999 }, () => 1 + random.below(20_000));
    sizes.push(512 - (sizes.reduce((sum, size) => sum + size, 0) % 512));
    const sources = sizes.map((size) => random.bytes(size));
    await ns.writev(sources, { offset: 4096 });
    const targets = await ns.readv(
      sizes.map((size) => Buffer.alloc(size)),
      { offset: 4096 },
    );
    expect(Buffer.concat(targets).equals(Buffer.concat(sources))).toBe(true);
    await ns.controller.detach();
  });

  it('a detach, an abort and a time limit in the middle give everything back', async () => {
    const ns = await attach(nqns.memory, { polling });
    const [abort, buffer] = [new AbortController(), Buffer.alloc(length)];
    const aborted = codeOf(ns.read(buffer, { offset: 0, signal: abort.signal }));
    const late = codeOf(ns.write(buffer, { offset: 0, timeoutMs: 1 }));
    setImmediate(() => abort.abort());
    expect(await Promise.all([aborted, late])).toEqual(['ERR_SPDK_ABORTED', 'ERR_SPDK_TIMEOUT']);
    expect(await codeOf(ns.read(Buffer.alloc(512), { offset: 0 }))).toBe('none');
    const writing = codeOf(ns.write(buffer, { offset: 0 }));
    await ns.controller.detach({ drainMs: 0 });
    expect(await writing).toMatch(/^(none|ERR_SPDK_(IO_FAILED|CONTROLLER_DETACHED))$/);
    expect(ns.controller.queuePairs.every(({ pending }) => pending === 0)).toBe(true);
  });

  it('512 MiB go through 256 MiB of DMA memory', async () => {
    const ns = await attach(nqns.large, { polling });
    const buffer = Buffer.alloc(512 * MiB);
    expect(await codeOf(ns.read(buffer, { offset: 0 }))).toBe('none');
    expect(await codeOf(ns.write(buffer, { offset: 0 }))).toBe('none');
    expect(local.env.stats().memory.totalBytes).toBeLessThanOrEqual(256 * MiB);
    await ns.controller.detach();
  });
});
