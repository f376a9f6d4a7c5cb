// Transfers whose arguments run code of the caller: getters, species, resizable buffers.

import { describe, expect, it } from 'vitest';
import { codeOf, setUp, turn } from './set-up.js';

describe('what may run code of the caller’s', () => {
  it('cannot change the buffer between check and use', async () => {
    const { memory, ns, pair, queuePair } = setUp();
    for (const run of [
      (buffer: Buffer, options: { offset: number }) => ns.read(buffer, options),
      (buffer: Buffer, options: { offset: number }) => ns.write(buffer, options),
      (buffer: Buffer, options: { offset: number }) => ns.readv([buffer], options),
      (buffer: Buffer, options: { offset: number }) => ns.writev([buffer], options),
      (buffer: Buffer, options: { offset: number }) =>
        ns.raw(
          { opcode: 0x82, data: buffer },
          {
            get timeoutMs() {
              return options.offset + 1;
            },
          },
        ),
    ]) {
      const dma = memory.dma.allocateBuffer(512);
      const released = run(dma, {
        get offset() {
          dma.release();
          return 0;
        },
      });
      expect(await codeOf(released)).toBe('ERR_SPDK_INVALID_BUFFER');
      const plain = new Uint8Array(512);
      const moved = run(plain as Buffer, {
        get offset() {
          structuredClone(plain.buffer, { transfer: [plain.buffer] });
          return 0;
        },
      });
      expect(await codeOf(moved)).toBe('ERR_SPDK_INVALID_BUFFER');
    }
    // Something that only looks like a signal.
    for (const [buffer, spoil] of [
      (() => {
        const dma = memory.dma.allocateBuffer(512);
        return [dma, () => dma.release()] as const;
      })(),
      (() => {
        const plain = new Uint8Array(512);
        return [plain, () => structuredClone(plain.buffer, { transfer: [plain.buffer] })] as const;
      })(),
    ]) {
      const signal = { aborted: false, addEventListener: spoil, removeEventListener: () => {} };
      const writing = ns.write(buffer, { offset: 0, signal: signal as unknown as AbortSignal });
      expect(await codeOf(writing)).toBe('ERR_SPDK_INVALID_BUFFER');
    }
    await turn();
    expect([pair.sent, queuePair?.pending, memory.pinned]).toEqual([0, 0, 0]);
  });

  it('and throws, is rejected with a code', async () => {
    const { ns, queuePair } = setUp();
    const buffer = Buffer.alloc(512);
    const throwing = new Proxy([buffer], {
      get() {
        throw new Error('trap');
      },
    });
    const revoked = Proxy.revocable([buffer], {});
    revoked.revoke();
    const signal = {
      aborted: false,
      addEventListener() {
        throw new Error('no');
      },
      removeEventListener() {},
    } as unknown as AbortSignal;
    expect(await codeOf(ns.readv(throwing, { offset: 0 }))).toMatch(/^ERR_SPDK_/);
    expect(await codeOf(ns.readv(revoked.proxy, { offset: 0 }))).toMatch(/^ERR_SPDK_/);
    expect(await codeOf(ns.read(buffer, { offset: 0, signal }))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(queuePair?.pending).toBe(0);
  });

  it('cannot have what is immutable read into', async () => {
    const { ns } = setUp();
    const buffer = new Uint8Array(512);
    Object.defineProperty(buffer.buffer, 'immutable', { value: true });
    for (const run of [
      () => ns.read(buffer, { offset: 0 }),
      () => ns.readv([Buffer.alloc(512), buffer], { offset: 0 }),
      () => ns.raw({ opcode: 0x82, data: buffer }),
    ]) {
      expect(await codeOf(run())).toBe('ERR_SPDK_INVALID_BUFFER');
    }
  });
});
