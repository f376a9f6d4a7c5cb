// The properties of namespaces, and the operations that are rejected because of them. The kernel's target has no namespace with
// metadata; SPDK's own has.

import os from 'node:os';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hostError } from '../../lib/errors/command-status.js';
import {
  type Batch,
  type Controller,
  Environment,
  Namespace,
  type SpdkError,
  spdkVersion,
} from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { announces } from '../integration/suites/metadata.js';
import { codeOf } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4462' } as const;
const nqns = { plain: 'nqn.2026-11.dev.spdk-nvme:plain', protected: 'nqn.2026-11.dev.spdk-nvme:protected' };
const sizeMb = 64;

let target: SpdkTarget;
let env: Environment;
let plain: Namespace;
let guarded: Namespace;

beforeAll(async () => {
  const subsystem = (nqn: string, serial: string, metadata?: { size: number; protectionType: 1 }) => ({
    nqn,
    serial,
    disk: { kind: 'null', sizeMb, blockSize: 512, metadata } as const,
  });
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [
      subsystem(nqns.plain, 'PLAIN'),
      subsystem(nqns.protected, 'PROTECTED', { size: 8, protectionType: 1 }),
    ],
  });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
  const attach = async (nqn: string): Promise<Namespace> => {
    const id = `trtype:TCP adrfam:IPv4 traddr:${listener.traddr} trsvcid:${listener.trsvcid} subnqn:${nqn}`;
    return (await env.attach(id, { timeoutMs: 30_000 })).namespaces[0] as Namespace;
  };
  plain = await attach(nqns.plain);
  guarded = await attach(nqns.protected);
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

/** What the specification's fields say, read apart from SPDK. */
async function identified(ns: Namespace) {
  const page = await ns.controller.admin.identify(0, ns.id);
  const controller = await ns.controller.admin.identify(1);
  const format = 128 + 4 * (page.readUInt8(26) & 15);
  const size = (at: number) => (page.readUInt8(24) & 16 ? (page.readUInt16LE(at) + 1) * ns.blockSize : 0);
  const commands = controller.readUInt16LE(520);
  return {
    blocks: Number(page.readBigUInt64LE(0)),
    blockSize: 2 ** page.readUInt8(format + 2),
    metadataSize: page.readUInt16LE(format),
    interleaved: (page.readUInt8(26) & 16) !== 0,
    protectionType: page.readUInt8(29) & 7,
    first: (page.readUInt8(29) & 8) !== 0,
    optimal: {
      ioBoundary: page.readUInt16LE(46) * ns.blockSize,
      writeGranularity: size(64),
      writeAlignment: size(66),
      deallocateGranularity: size(68),
      deallocateAlignment: size(70),
      writeSize: size(72),
    },
    compare: (commands & 1) !== 0,
    deallocate: (commands & 4) !== 0,
    writeZeroes: (commands & 8) !== 0,
    verify: (commands & 128) !== 0,
  };
}

describe('a namespace', () => {
  it('without metadata says what the controller says of it', async () => {
    const said = await identified(plain);
    expect(plain).toMatchObject({
      blocks: said.blocks,
      bytes: sizeMb << 20,
      blockSize: 512,
      metadataSize: 0,
      metadata: 'none',
      protection: { type: 0, place: 'none', guardBits: 0 },
      optimal: said.optimal,
      supports: { compare: said.compare, deallocate: said.deallocate, writeZeroes: said.writeZeroes },
    });
    for (const part of [plain.protection, plain.optimal, plain.supports]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('with metadata says how much, where it is, and what it protects', async () => {
    const said = await identified(guarded);
    const protectionType = announces ? 1 : 0;
    expect(said).toMatchObject({ metadataSize: 8, interleaved: true, protectionType, blockSize: 512 });
    expect(guarded).toMatchObject({
      blocks: said.blocks,
      blockSize: 512,
      metadataSize: 8,
      metadata: 'interleaved',
      protection: announces
        ? { type: 1, place: said.first ? 'first' : 'last', guardBits: 16 }
        : { type: 0, place: 'none', guardBits: 0 },
    });
  });
});

describe('what cannot be done is rejected at once', () => {
  it('transfers of a namespace with metadata that leave it out', async () => {
    const block = Buffer.alloc(512);
    const dma = env.allocate(4096);
    if (guarded.supports.compare) {
      const error = await guarded
        .compare(block, { offset: 0 })
        .then(undefined, (rejected: SpdkError) => rejected);
      expect(error).toMatchObject({ code: 'ERR_SPDK_UNSUPPORTED' });
      expect((error as SpdkError).message).toMatch(/8 bytes of interleaved metadata/);
    }
    const batch = (guarded.controller as Controller).queuePairs[0]?.openBatch() as Batch;
    expect(() => batch.read(guarded, dma, 0, 0, 512, 1)).toThrow(/metadata/);
    batch.close();
    // Commands that transfer no data work.
    await guarded.flush();
    expect(await codeOf(guarded.read(block, { offset: 1 }))).toBe('ERR_SPDK_UNALIGNED');
    dma.release();
  });

  it('by native code too, whatever the command says', async () => {
    const dma = env.allocate(8192);
    dma.fill(0x5a);
    const statuses = async (
      ns: Namespace,
      pretended: { id: number; blockSize: number; tag?: number },
    ): Promise<number> => {
      const { controller, blocks, optimal, protection, supports, uuid, nguid, eui64, tag } = ns;
      const without = {
        compareAndWriteBlocks: 0,
        copyLimits: { ranges: 0, rangeBlocks: 0, blocks: 0 },
        metadataSize: 0,
        metadata: 'none' as const,
        optimal,
        protection,
        supports,
      };
      const lie = Namespace.create(controller, { ...without, uuid, nguid, eui64, blocks, tag, ...pretended });
      const has = vi.spyOn(controller, 'has').mockReturnValue(true);
      using batch = controller.queuePairs[0]?.openBatch() as Batch;
      batch.read(lie, dma, 0, 0, 4096, 1);
      has.mockRestore();
      batch.submit();
      await batch.wait();
      return batch.statuses[0] as number;
    };
    const { ENOTSUP, ENODEV } = os.constants.errno;
    expect(await statuses(guarded, { id: 1, blockSize: 512 })).toBe(hostError + ENOTSUP);
    // Blocks of another size than they have by now, and a namespace that is not there.
    expect(await statuses(plain, { id: 1, blockSize: 4096 })).toBe(hostError + ENODEV);
    expect(await statuses(plain, { id: 2, blockSize: 512 })).toBe(hostError + ENODEV);
    // A disk that differs from the present one.
    expect(await statuses(plain, { id: 1, blockSize: 512, tag: plain.tag + 1 })).toBe(hostError + ENODEV);
    expect(dma.every((byte) => byte === 0x5a)).toBe(true);
    expect(await statuses(plain, { id: 1, blockSize: 512 })).toBe(0);
    dma.release();
  });

  it('commands that the controller, or SPDK, does not have', async () => {
    const block = Buffer.alloc(512);
    const range = { offset: 0, length: 512 };
    const { supports } = plain;
    const commands = [
      [supports.compare, () => plain.compare(block, { offset: 0 })],
      [supports.deallocate, () => plain.deallocate(range)],
      [supports.writeZeroes, () => plain.writeZeroes(range)],
      [supports.verify, () => plain.verify(range)],
    ] as const;
    for (const [supported, attempt] of commands) {
      expect(await codeOf(attempt())).toBe(supported ? 'none' : 'ERR_SPDK_UNSUPPORTED');
    }
    // Of the default release at least one is missing, so that the rejection has been seen.
    const { major, minor } = spdkVersion();
    if (major * 100 + minor < 2209) {
      expect(supports.verify).toBe(false);
      await expect(plain.verify(range)).rejects.toThrow(/v22\.09/);
    }
  });
});

it('a range takes as many commands as it needs', async () => {
  // Write Zeroes counts blocks in 16 bits, and the namespace has twice as many.
  expect(plain.blocks).toBe(2 * 65_536);
  expect(await codeOf(plain.writeZeroes({ offset: 0, length: plain.bytes }))).toBe('none');
  expect(await codeOf(plain.writeZeroes({ offset: 512, length: plain.bytes - 512, timeoutMs: 10_000 }))).toBe(
    'none',
  );
  const over = { offset: 512, length: plain.bytes };
  expect(await codeOf(plain.writeZeroes(over))).toBe('ERR_SPDK_OUT_OF_RANGE');
  const signal = AbortSignal.abort();
  expect(await codeOf(plain.writeZeroes({ offset: 0, length: plain.bytes, signal }))).toBe(
    'ERR_SPDK_ABORTED',
  );
});
