// Reads and writes over RDMA, compared with the data of the target's disk, for any target. Longer than other files: the
// cases share one attached controller for each way of polling.

import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type AttachOptions,
  type Controller,
  Environment,
  type Namespace,
  type SpdkError,
} from '../../../lib/index.js';
import { Random } from '../../../scripts/testing/random.js';
import { pollings } from '../support/each-polling.js';
import { codeOf } from '../support/timing.js';
import { readBacking, writeBacking } from './backing.js';

/** What a target must have for these tests: a namespace whose backing file or device can be read from outside. */
export interface IoTarget {
  readonly transportId: string;
  /** The block device or file behind namespace 1. */
  readonly backing: string;
  /** A further subsystem of the same target, over the same disk. */
  readonly other: string;
  readonly stop: () => Promise<void>;
}

/** The I/O tests, for any target. */
export function describeIo(name: string, start: () => Promise<IoTarget>): void {
  describe(name, () => {
    let target: IoTarget;
    let env: Environment;
    let controller: Controller | undefined;

    beforeAll(async () => {
      target = await start();
      env = await Environment.init({ pollers: 2, memoryMb: 192 });
    });
    afterEach(async () => {
      await controller?.detach();
      controller = undefined;
    });
    afterAll(async () => {
      await env?.close();
      await target?.stop();
    });

    async function attach(options: AttachOptions = {}): Promise<Namespace> {
      controller = await env.attach(target.transportId, { ioQueues: 2, timeoutMs: 30_000, ...options });
      return controller.namespaces[0] as Namespace;
    }

    describe.each(pollings)('polled by %s', (polling) => {
      it('brings back what was written, from every kind of buffer', async () => {
        const ns = await attach({ polling });
        const length = 8 * ns.blockSize;
        const content = new Random(1).bytes(length);
        const dma = env.allocate(length);
        dma.set(content);
        const sources = [content, new Uint8Array(content), new DataView(new Uint8Array(content).buffer), dma];
        for (const [i, source] of sources.entries()) {
          const offset = i * length;
          await ns.write(source, { offset });
          for (const into of [Buffer.alloc(length), new Uint32Array(length / 4), env.allocate(length)]) {
            const result = await ns.read(into, { offset });
            expect(result).toBe(into);
            expect(content.equals(Buffer.from(into.buffer, into.byteOffset, into.byteLength))).toBe(true);
          }
        }
      });

      it('writes what the target then has, and reads what the target had', async () => {
        const ns = await attach({ polling });
        const random = new Random(2);
        const written = random.bytes(64 * ns.blockSize);
        await ns.write(written, { offset: 16 * ns.blockSize });
        await ns.flush();
        expect(readBacking(env, target.backing, 16 * ns.blockSize, written.length).equals(written)).toBe(
          true,
        );

        const put = random.bytes(64 * ns.blockSize);
        writeBacking(env, target.backing, put, 256 * ns.blockSize);
        const read = await ns.read(Buffer.alloc(put.length), { offset: 256 * ns.blockSize });
        expect(read.equals(put)).toBe(true);
      });

      it('keeps random sizes, offsets, queues and kinds of buffer apart', async () => {
        const ns = await attach({ polling });
        const random = new Random(3);
        const blocks = 512;
        const shadow = Buffer.alloc(blocks * ns.blockSize);
        await ns.writeZeroes({ offset: 0, length: shadow.length });
        for (let round = 0; round < 20; round++) {
          // Ranges of one round do not overlap, so that their order does not matter.
          const step = 16;
          const ranges = Array.from({ length: blocks / step }, (_, i) => i * step).filter(
            () => random.below(2) === 1,
          );
          await Promise.all(
            ranges.map(async (block) => {
              const bytes = random.bytes((1 + random.below(step)) * ns.blockSize);
              const offset = block * ns.blockSize;
              bytes.copy(shadow, offset);
              const queuePair = random.pick([undefined, ...ns.controller.queuePairs]);
              if (random.below(2) === 1) {
                const dma = env.allocate(bytes.length);
                dma.set(bytes);
                await ns.write(dma, { offset, queuePair });
                dma.release();
              } else {
                await ns.write(bytes, { offset, queuePair });
              }
            }),
          );
        }
        expect((await ns.read(Buffer.alloc(shadow.length), { offset: 0 })).equals(shadow)).toBe(true);
        expect(readBacking(env, target.backing, 0, shadow.length).equals(shadow)).toBe(true);
      });

      it('transfers more than one command can carry', async () => {
        const ns = await attach({ polling });
        const bytes = new Random(4).bytes(3 << 20);
        await ns.write(bytes, { offset: 0 });
        expect((await ns.read(Buffer.alloc(bytes.length), { offset: 0 })).equals(bytes)).toBe(true);
      });

      it('reads and writes vectors, in place and copied', async () => {
        const ns = await attach({ polling });
        const size = ns.blockSize;
        const bytes = new Random(5).bytes(8 * size);
        const dma = env.allocate(16 * size);
        dma.set(bytes.subarray(0, 3 * size), 4 * size);
        dma.set(bytes.subarray(3 * size), 9 * size);
        await ns.writev([dma.subarray(4 * size, 7 * size), dma.subarray(9 * size, 14 * size)], { offset: 0 });
        expect((await ns.read(Buffer.alloc(bytes.length), { offset: 0 })).equals(bytes)).toBe(true);

        const odd = [Buffer.alloc(100), Buffer.alloc(8 * size - 100)];
        await ns.readv(odd, { offset: 0 });
        expect(Buffer.concat(odd).equals(bytes)).toBe(true);
        const places = [dma.subarray(0, size), dma.subarray(2 * size, 9 * size)];
        await ns.readv(places, { offset: 0 });
        expect(Buffer.concat(places).equals(bytes)).toBe(true);
        await ns.writev(odd, { offset: 64 * size });
        expect(readBacking(env, target.backing, 64 * size, bytes.length).equals(bytes)).toBe(true);
      });

      it('serves more operations than a queue has room for, each once and with its own data', async () => {
        const ns = await attach({ polling, queueDepth: 8 });
        const count = 300;
        await Promise.all(
          Array.from({ length: count }, (_, i) =>
            ns.write(Buffer.alloc(ns.blockSize, i), { offset: i * ns.blockSize }),
          ),
        );
        const read = await Promise.all(
          Array.from({ length: count }, (_, i) =>
            ns.read(Buffer.alloc(ns.blockSize), { offset: i * ns.blockSize }),
          ),
        );
        expect(read.every((bytes, i) => bytes.every((byte) => byte === i % 256))).toBe(true);
      });

      it('runs batches: many commands out, many back', async () => {
        const ns = await attach({ polling });
        const [queuePair] = ns.controller.queuePairs;
        const size = ns.blockSize;
        const buffer = env.allocate(64 * size);
        buffer.set(new Random(6).bytes(buffer.length));
        const copy = Buffer.from(buffer);
        using batch = (queuePair as NonNullable<typeof queuePair>).openBatch();
        const seen = new Set<number>();
        const finish = async (): Promise<void> => {
          batch.submit();
          while (batch.outstanding > 0) {
            const done = await batch.wait();
            for (let i = 0; i < done; i++) {
              expect(batch.statuses[i]).toBe(0);
              seen.add(batch.tags[i] as number);
            }
          }
        };
        for (let i = 0; i < 64; i++) expect(batch.write(ns, buffer, i * size, i * size, size, i)).toBe(true);
        await finish();
        expect(seen.size).toBe(64);
        buffer.fill(0);
        for (let i = 0; i < 64; i++) batch.read(ns, buffer, i * size, i * size, size, 100 + i);
        await finish();
        expect(seen.size).toBe(128);
        expect(copy.equals(buffer)).toBe(true);
        expect(await codeOf(ns.read(Buffer.alloc(size), { offset: 0, queuePair }))).toBe(
          'ERR_SPDK_QUEUE_IN_USE',
        );
        expect(await codeOf(ns.read(Buffer.alloc(size), { offset: 0 }))).toBe('none');
      });

      it('leaves the event loop to others while operations follow each other', async () => {
        const ns = await attach({ polling });
        let going = true;
        const workers = Array.from({ length: 32 }, async (_, i) => {
          const buffer = env.allocate(ns.blockSize);
          while (going) await ns.read(buffer, { offset: i * ns.blockSize });
          buffer.release();
        });
        let longest = 0;
        for (let i = 0; i < 10; i++) {
          const begun = performance.now();
          await new Promise((resolve) => setTimeout(resolve, 10));
          longest = Math.max(longest, performance.now() - begun);
        }
        going = false;
        await Promise.all(workers);
        expect(longest).toBeLessThan(2_000);
      });

      it('finishes what is outstanding before a detach', async () => {
        const ns = await attach({ polling });
        const outcomes = Promise.all(
          Array.from({ length: 256 }, (_, i) =>
            codeOf(ns.write(Buffer.alloc(ns.blockSize, i + 1), { offset: i * ns.blockSize })),
          ),
        );
        const report = await ns.controller.detach({ drainMs: 20_000, timeoutMs: 30_000 });
        expect(await outcomes).toEqual(new Array(256).fill('none'));
        expect(report).toMatchObject({ completed: 256, aborted: 0 });
        for (const i of [0, 77, 255]) {
          expect(
            readBacking(env, target.backing, i * ns.blockSize, ns.blockSize).every(
              (byte) => byte === (i + 1) % 256,
            ),
          ).toBe(true);
        }
        expect(await codeOf(ns.read(Buffer.alloc(ns.blockSize), { offset: 0 }))).toBe(
          'ERR_SPDK_CONTROLLER_DETACHED',
        );
      });

      it('settles every operation once when it is detached under load without a drain', async () => {
        for (let round = 0; round < 5; round++) {
          const ns = await attach({ polling });
          let settled = 0;
          const all = Array.from({ length: 2 * 128 * 2 }, (_, i) =>
            codeOf(ns.write(Buffer.alloc(ns.blockSize, 7), { offset: i * ns.blockSize })).then((code) => {
              settled++;
              return code;
            }),
          );
          const report = await ns.controller.detach({ drainMs: 0, timeoutMs: 20_000 });
          const codes = await Promise.all(all);
          expect(settled).toBe(all.length);
          const done = codes.filter((code) => code === 'none').length;
          expect(new Set(codes.filter((code) => code !== 'none')).size).toBeLessThanOrEqual(2);
          expect(report.completed + report.aborted).toBe(all.length);
          expect(report.completed).toBe(done);
          controller = undefined;
        }
      });
    });

    it('rejects bad input at once, and sends nothing', async () => {
      const ns = await attach();
      const size = ns.blockSize;
      const block = Buffer.alloc(size);
      const other = await env.attach(target.other);
      const released = env.allocate(size);
      released.release();
      const cases: [string, () => Promise<unknown>][] = [
        ['ERR_SPDK_UNALIGNED', () => ns.read(Buffer.alloc(size - 1), { offset: 0 })],
        ['ERR_SPDK_UNALIGNED', () => ns.write(block, { offset: 1 })],
        ['ERR_SPDK_OUT_OF_RANGE', () => ns.read(block, { offset: ns.bytes })],
        ['ERR_SPDK_OUT_OF_RANGE', () => ns.writeZeroes({ offset: 0, length: ns.bytes + size })],
        ['ERR_SPDK_INVALID_ARG_VALUE', () => ns.read(block, { offset: -size })],
        ['ERR_SPDK_INVALID_ARG_TYPE', () => ns.read(block, { offset: '0' as unknown as number })],
        ['ERR_SPDK_INVALID_ARG_TYPE', () => ns.read('text' as unknown as Buffer, { offset: 0 })],
        ['ERR_SPDK_UNKNOWN_OPTION', () => ns.read(block, { offst: 0 } as unknown as { offset: number })],
        ['ERR_SPDK_INVALID_BUFFER', () => ns.read(Buffer.alloc(0), { offset: 0 })],
        ['ERR_SPDK_INVALID_BUFFER', () => ns.write(released, { offset: 0 })],
        ['ERR_SPDK_INVALID_ARG_TYPE', () => ns.writev([], { offset: 0 })],
        [
          'ERR_SPDK_FOREIGN_QUEUE_PAIR',
          () => ns.read(block, { offset: 0, queuePair: other.queuePairs[0] as never }),
        ],
        ['ERR_SPDK_ABORTED', () => ns.read(block, { offset: 0, signal: AbortSignal.abort() })],
      ];
      for (const [code, run] of cases) expect(await codeOf(run())).toBe(code);
      expect(ns.controller.queuePairs.every((queuePair) => queuePair.pending === 0)).toBe(true);
      await other.detach();
    });

    it('rejects what would wait beyond the limit', async () => {
      const ns = await attach({ ioQueues: 1, queueDepth: 4, maxWaiting: 3 });
      const codes = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          codeOf(ns.write(Buffer.alloc(ns.blockSize), { offset: i * ns.blockSize })),
        ),
      );
      expect(codes).toEqual([...new Array(7).fill('none'), ...new Array(3).fill('ERR_SPDK_QUEUE_FULL')]);
    });

    it('survives buffers that are detached, released or forgotten while they are in use', async () => {
      const ns = await attach();
      const length = 64 * ns.blockSize;
      const content = new Random(8).bytes(length);
      await ns.write(content, { offset: 0 });

      const plain = new Uint8Array(length);
      const reading = codeOf(ns.read(plain, { offset: 0 }));
      structuredClone(plain.buffer, { transfer: [plain.buffer] });
      expect(await reading).toBe('ERR_SPDK_INVALID_BUFFER');

      const gone = new Uint8Array(content);
      const writing = ns.write(gone, { offset: length });
      structuredClone(gone.buffer, { transfer: [gone.buffer] });
      await writing;
      expect(readBacking(env, target.backing, length, length).equals(content)).toBe(true);

      const dma = env.allocate(length);
      const readingDma = ns.read(dma, { offset: 0 });
      dma.release();
      expect(dma.length).toBe(length);
      await readingDma;
      expect(dma.length).toBe(0);
      expect(await codeOf(ns.read(dma, { offset: 0 }))).toBe('ERR_SPDK_INVALID_BUFFER');
    });

    it('gives DMA memory back: far more is allocated in turn than there is', async () => {
      for (let i = 0; i < 24; i++) {
        using buffer = env.allocate(16 << 20);
        buffer[0] = 1;
        await new Promise(setImmediate);
      }
    });

    it('completes admin commands', async () => {
      const ns = await attach();
      const { admin, info } = ns.controller;
      const identify = await admin.identify();
      expect(identify.subarray(4, 24).toString('latin1').trim()).toBe(info.serial);
      expect(identify.readUInt16LE(78)).toBe(info.cntlid);
      const identifyNamespace = await admin.identify(0, ns.id);
      expect(identifyNamespace.readBigUInt64LE(0)).toBe(BigInt(ns.blocks));
      expect((await admin.smartLog()).criticalWarning).toBe(0);
      expect((await admin.errorLog(2)).length).toBeLessThanOrEqual(2);
      // Number of Queues: both counts are zero-based.
      expect((await admin.getFeature(0x07)) & 0xffff).toBeGreaterThanOrEqual(1);
      const rejected = await admin.send({ opcode: 0xff }).catch((error: SpdkError) => error);
      expect(rejected).toMatchObject({ code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 0 } });
    });

    it('sees the same data through two controllers', async () => {
      const ns = await attach();
      const other = await env.attach(target.other);
      const [same] = other.namespaces;
      const bytes = new Random(9).bytes(16 * ns.blockSize);
      await ns.write(bytes, { offset: 0 });
      await ns.flush();
      expect((await (same as Namespace).read(Buffer.alloc(bytes.length), { offset: 0 })).equals(bytes)).toBe(
        true,
      );
      await other.detach();
    });

    it('stays right over thousands of random operations, checked by a sum', async () => {
      const ns = await attach();
      const random = new Random(10);
      const blocks = 256;
      const sums = new Map<number, string>();
      const sum = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');
      for (let round = 0; round < 40; round++) {
        const chosen = new Set(Array.from({ length: 64 }, () => random.below(blocks)));
        await Promise.all(
          [...chosen].map(async (block) => {
            const offset = block * ns.blockSize;
            const known = sums.get(block);
            if (known !== undefined && random.below(2) === 0) {
              expect(sum(await ns.read(Buffer.alloc(ns.blockSize), { offset }))).toBe(known);
              return;
            }
            const bytes = random.bytes(ns.blockSize);
            sums.set(block, sum(bytes));
            await ns.write(bytes, { offset });
          }),
        );
      }
      for (const [block, known] of sums) {
        expect(sum(readBacking(env, target.backing, block * ns.blockSize, ns.blockSize))).toBe(known);
      }
    });
  });
}
