// A namespace as a file, over a target in memory: beside a real file, and when several write at once. Longer than other
// files: each method of a file has its tests here.

import { constants } from 'node:buffer';
import { getEventListeners, once } from 'node:events';
import fs from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NamespaceFile, open } from '../../lib/file/index.js';
import type { Namespace } from '../../lib/index.js';
import { randomRuns } from '../support/random-runs.js';
import { attachDisk, closeDisk, type Disk, failure, noise, diskBytes as size, tick } from './memory/disk.js';

let disk: Disk;
let fixture: Disk['fixture'];
let controller: Disk['controller'];
let ns: Disk['ns'];
let memory: Disk['memory'];
let file: NamespaceFile;

beforeEach(async () => {
  disk = await attachDisk({ queueDepth: 16 });
  ({ fixture, controller, ns, memory } = disk);
  memory.data.set(noise(size, 7));
  file = await open(ns);
});
afterEach(async () => {
  fixture.target.silent = false;
  await file.close();
  await closeDisk(disk);
});

const code = (value: string) => expect.objectContaining({ code: value });

describe('beside a file of node:fs', () => {
  let folder: string;
  let model: FileHandle;
  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-file-'));
    fs.writeFileSync(path.join(folder, 'file'), memory.data);
    model = await openFile(path.join(folder, 'file'), 'r+');
  });
  afterEach(async () => {
    await model.close();
    fs.rmSync(folder, { recursive: true });
  });

  type Both = Pick<NamespaceFile, 'read' | 'write' | 'readv' | 'writev' | 'readFile' | 'sync'>;
  const position = fc.oneof(
    fc.constant(null),
    fc.integer({ min: 0, max: size + 600 }),
    fc.integer({ min: 0, max: 64 }).map((block) => block * 512),
  );
  const length = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(512, 1024, 4096));
  /** One call of either, with what it gives; nothing is written past the end, where the two differ. */
  const call = fc.oneof(
    fc.record({ at: position, bytes: length, skip: fc.nat(20) }).map(({ at, bytes, skip }) => ({
      name: `read ${bytes} at ${at}`,
      run: async (one: Both) => {
        const { bytesRead, buffer: into } = await one.read(Buffer.alloc(bytes + skip), skip, bytes, at);
        return [bytesRead, into.toString('hex')];
      },
    })),
    fc.record({ at: position, bytes: length, seed: fc.nat(250) }).map(({ at, bytes, seed }) => ({
      name: `write ${bytes} at ${at}`,
      run: async (one: Both) => {
        if (at === null || at + bytes > size) return [];
        return [(await one.write(noise(bytes, seed), { position: at })).bytesWritten];
      },
    })),
    fc
      .record({ at: position, lengths: fc.array(length, { minLength: 1, maxLength: 4 }) })
      .map(({ at, lengths }) => ({
        name: `readv ${lengths} at ${at}`,
        run: async (one: Both) => {
          const { bytesRead, buffers } = await one.readv(
            lengths.map((bytes) => Buffer.alloc(bytes)),
            at,
          );
          return [bytesRead, Buffer.concat(buffers).toString('hex')];
        },
      })),
    fc.record({ at: position, lengths: fc.array(length, { maxLength: 4 }) }).map(({ at, lengths }) => ({
      name: `writev ${lengths} at ${at}`,
      run: async (one: Both) => {
        const total = lengths.reduce((sum, bytes) => sum + bytes, 0);
        if (at === null || at + total > size) return [];
        const parts = lengths.map((bytes, i) => noise(bytes, i));
        return [(await one.writev(parts, at)).bytesWritten];
      },
    })),
    fc.constant({ name: 'readFile', run: async (one: Both) => [(await one.readFile()).toString('hex')] }),
    fc.constantFrom('hello', 'ünïcode').map((words) => ({
      name: `write '${words}'`,
      run: async (one: Both) => [await one.write(words, 1000, 'utf8')],
    })),
  );

  it('gives what that gives, and has what that has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
        memory.data.set(noise(size, 7));
        fs.writeFileSync(path.join(folder, 'file'), memory.data);
        await file.close();
        await model.close();
        file = await open(ns);
        model = await openFile(path.join(folder, 'file'), 'r+');
        for (const { name, run } of calls)
          expect([name, await run(file)]).toEqual([name, await run(model as unknown as Both)]);
        expect(Buffer.from(memory.data).equals(fs.readFileSync(path.join(folder, 'file')))).toBe(true);
      }),
      { numRuns: randomRuns(60) },
    );
  }, 60_000);
});

describe('writers of one block', () => {
  const ranges = fc
    .uniqueArray(fc.integer({ min: 0, max: 2048 }), { minLength: 4, maxLength: 24 })
    .map((places) => places.sort((a, b) => a - b))
    .map((places) => places.slice(1).map((end, i) => ({ start: places[i] as number, end })));

  it('all survive, however their ranges share blocks, from several files at once', async () => {
    await fc.assert(
      fc.asyncProperty(ranges, fc.integer({ min: 0, max: 3 }), async (parts, latencyMs) => {
        fixture.target.latencyMs = latencyMs;
        const files = [file, await open(ns), await open(ns)];
        const wanted = Buffer.from(memory.data);
        await Promise.all(
          parts.map(({ start, end }, i) => {
            const bytes = noise(end - start, i + 1);
            bytes.copy(wanted, start);
            return (files[i % 3] as NamespaceFile).write(bytes, 0, bytes.length, start);
          }),
        );
        expect(Buffer.from(memory.data).equals(wanted)).toBe(true);
      }),
      { numRuns: randomRuns(60) },
    );
  }, 60_000);

  it('of the same bytes follow each other in the order of their calls', async () => {
    const writes = Array.from({ length: 10 }, (_, i) => file.write(Buffer.alloc(700, i), 0, 700, i * 30));
    await Promise.all(writes);
    for (let i = 0; i < 9; i++) expect(memory.data[i * 30]).toBe(i);
    expect(memory.data[9 * 30 + 699]).toBe(9);
  });

  it('do not wait for one that was cancelled', async () => {
    const hasty = await open(ns, { timeoutMs: 30 });
    fixture.target.silent = true;
    const outcomes = Promise.allSettled([hasty.write(Buffer.alloc(5), 0, 5, 3), hasty.write('x', 5)]);
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: code('ERR_SPDK_TIMEOUT') },
      { status: 'rejected', reason: code('ERR_SPDK_TIMEOUT') },
    ]);
    fixture.target.silent = false;
    expect((await file.write('abc', 3)).bytesWritten).toBe(3);
    expect(Buffer.from(memory.data.subarray(3, 6)).toString()).toBe('abc');
  });
});

describe('a file', () => {
  it('moves its position with calls that give none, also with several at once', async () => {
    await Promise.all([file.write('one'), file.write('two'), file.write('three')]);
    const [first, second] = await Promise.all([file.read(Buffer.alloc(4)), file.read({ length: 4 })]);
    expect(Buffer.from(memory.data.subarray(0, 11)).toString()).toBe('onetwothree');
    expect(first?.buffer.equals(noise(size, 7).subarray(11, 15))).toBe(true);
    expect(second).toMatchObject({ bytesRead: 4 });
    expect(second?.buffer).toHaveLength(16_384);
  });

  it('is where it was after a call that failed, unless a later one has moved it', async () => {
    const failed = { code: 'ERR_SPDK_IO_FAILED' };
    const blocks = [noise(512, 3), noise(512, 4)];
    const calls = [
      () => file.write(blocks[0] as Buffer),
      () => file.writev(blocks),
      () => file.read(Buffer.alloc(512)),
      () => file.readv([Buffer.alloc(100)]),
      () => file.readFile(),
    ];
    for (const call of calls) {
      fixture.target.failCommands({ sc: 0x06, dnr: true });
      await expect(call()).rejects.toMatchObject(failed);
    }
    await file.write('again');
    expect(Buffer.from(memory.data.subarray(0, 5)).toString()).toBe('again');

    await file.read(Buffer.alloc(507));
    fixture.target.failCommands({ sc: 0x06, dnr: true, command: 'write' });
    const [first, second] = await Promise.allSettled(blocks.map((block) => file.write(block)));
    expect([first?.status, second?.status]).toEqual(['rejected', 'fulfilled']);
    expect(Buffer.from(memory.data.subarray(1024, 1536)).equals(blocks[1] as Buffer)).toBe(true);
    await file.write('end');
    expect(Buffer.from(memory.data.subarray(1536, 1539)).toString()).toBe('end');
  });

  it('knows the encodings of Node.js by all of their names', async () => {
    await file.write('6869', 0, 'HEX' as BufferEncoding);
    for (const name of ['UTF-8', 'ucs-2', 'utf-16le', 'base64url', 'ASCII'] as BufferEncoding[]) {
      expect(await (await open(ns)).readFile(name)).toBe(Buffer.from(memory.data).toString(name));
    }
    const read = file.readFile('none' as BufferEncoding);
    await expect(read).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_VALUE' });
  });

  it('rejects what has no room, whole, like ENOSPC', async () => {
    const before = Buffer.from(memory.data);
    const rejected = { code: 'ERR_SPDK_OUT_OF_RANGE', errno: -28 };
    await expect(file.write(Buffer.alloc(11), 0, 11, size - 10)).rejects.toMatchObject(rejected);
    await expect(file.writev([Buffer.alloc(600), Buffer.alloc(600)], size - 1000)).rejects.toMatchObject(
      rejected,
    );
    await expect(file.write('x', size)).rejects.toMatchObject(rejected);
    expect(Buffer.from(memory.data).equals(before)).toBe(true);
    expect(await file.read(Buffer.alloc(10), 0, 10, size)).toMatchObject({ bytesRead: 0 });
  });

  it('reads and writes nothing with no buffers; the readv() of Node.js rejects that', async () => {
    expect(await file.readv([])).toEqual({ bytesRead: 0, buffers: [] });
    expect(await file.writev([], 5)).toEqual({ bytesWritten: 0, buffers: [] });
  });

  it('writes a whole file at the position: text, bytes, pieces and a stream', async () => {
    await file.read(Buffer.alloc(100));
    await file.writeFile('b\u00e9');
    await file.writeFile('6869', 'hex');
    await file.writeFile(new Uint16Array([0x4241]), null);
    await file.writeFile(['cd', Buffer.from('ef')]);
    await file.writeFile(Readable.from(['gh', 'ij']), { encoding: 'utf16le' });
    const written = Buffer.concat([Buffer.from('b\u00e9hiABcdef'), Buffer.from('ghij', 'utf16le')]);
    expect(Buffer.from(memory.data.subarray(100, 100 + written.length))).toEqual(written);
    const rest = await file.readFile();
    expect(rest).toHaveLength(size - 100 - written.length);
    await expect(file.writeFile('x')).rejects.toMatchObject({ code: 'ERR_SPDK_OUT_OF_RANGE', errno: -28 });
  });

  it('ends writing pieces with the first one that fails, and takes none when it is closed', async () => {
    const taken: number[] = [];
    const left = vi.fn();
    async function* pieces() {
      try {
        for (let piece = 0; ; piece++) {
          taken.push(piece);
          yield piece === 2 ? (5 as never) : 'x';
        }
      } finally {
        left();
      }
    }
    await expect(file.writeFile(pieces())).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_TYPE' });
    expect(taken).toEqual([0, 1, 2]);
    expect(left).toHaveBeenCalledOnce();
    await file.close();
    await expect(file.writeFile(pieces())).rejects.toMatchObject({ code: 'ERR_SPDK_FILE_CLOSED' });
    expect(taken).toHaveLength(3);
    file = await open(ns);
  });

  it.each<[string, (one: NamespaceFile, signal: AbortSignal) => Promise<unknown>]>([
    ['readFile', (one, signal) => one.readFile({ signal })],
    ['writeFile', (one, signal) => one.writeFile('text', { signal })],
    ['writeFile in pieces', (one, signal) => one.writeFile(['te', 'xt'], { signal })],
  ])('%s ends with its own signal or the one of the file', async (_, run) => {
    const [own, whole] = [new AbortController(), new AbortController()];
    const two = await open(ns, { signal: whole.signal });
    for (const one of [file, two]) {
      const reason = new Error('enough');
      await expect(run(one, AbortSignal.abort(reason))).rejects.toMatchObject({
        name: 'AbortError',
        code: 'ERR_SPDK_ABORTED',
        cause: reason,
      });
    }
    fixture.target.silent = true;
    const pending = run(two, own.signal).catch((error) => error);
    await tick();
    own.abort();
    expect(await pending).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
    const other = run(two, new AbortController().signal).catch((error) => error);
    await tick();
    whole.abort();
    expect(await other).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  });

  it.each<[string, string, (own: AbortController, whole: AbortController) => unknown]>([
    ['its own signal', 'ERR_SPDK_ABORTED', (own) => own.abort()],
    ['the signal of the file', 'ERR_SPDK_ABORTED', (_, whole) => whole.abort()],
    ['the close of the file', 'ERR_SPDK_FILE_CLOSED', () => file.close()],
  ])('does not wait for a piece beyond %s, nor take another one', async (_, wanted, end) => {
    let give = (_piece: string) => {};
    const left = vi.fn();
    async function* pieces() {
      try {
        yield 'x';
        yield await new Promise<string>((resolve) => {
          give = resolve;
        });
        throw new Error('another piece was taken');
      } finally {
        left();
      }
    }
    const [own, whole] = [new AbortController(), new AbortController()];
    file = await open(ns, { signal: whole.signal });
    const writing = file.writeFile(pieces(), { signal: own.signal });
    await vi.waitFor(() => expect(memory.data[0]).toBe('x'.charCodeAt(0)));
    await tick();
    await end(own, whole);
    await expect(writing).rejects.toMatchObject({ code: wanted });
    give('y');
    await vi.waitFor(() => expect(left).toHaveBeenCalledOnce());
    expect(memory.data[1]).toBe(noise(2, 7)[1]);
  });

  it('keeps nothing of a stream whose own signal has fired before it begins', async () => {
    const whole = new AbortController();
    const one = await open(ns, { signal: whole.signal });
    const stream = one.createReadStream({ signal: AbortSignal.abort(), autoClose: false });
    expect(await failure(stream)).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
    expect(getEventListeners(whole.signal, 'abort')).toEqual([]);
  });

  it('ends with its signal: each operation, also a later one, and its streams', async () => {
    const end = new AbortController();
    const one = await open(ns, { signal: end.signal, onTimeout: 'abort' });
    const calls = () => [
      one.read(Buffer.alloc(10), 0, 10, 1),
      one.write('x', 3),
      one.readv([Buffer.alloc(4)], 9),
      one.writev([Buffer.alloc(4)], 2000),
      one.sync(),
    ];
    fixture.target.silent = true;
    const pending = Promise.allSettled(calls());
    const kept = { autoClose: false };
    const streams = [
      one.createReadStream(kept).resume(),
      one.createWriteStream({ ...kept, start: 4096 }),
    ] as const;
    streams[1].write(noise(512));
    const failed = Promise.all(streams.map((stream) => once(stream, 'error')));
    await tick();
    fixture.target.silent = false;
    end.abort();
    const aborted = { status: 'rejected', reason: code('ERR_SPDK_ABORTED') };
    expect(await pending).toEqual(Array(5).fill(aborted));
    expect(await Promise.allSettled(calls())).toEqual(Array(5).fill(aborted));
    expect(await failed).toEqual([[code('ERR_SPDK_ABORTED')], [code('ERR_SPDK_ABORTED')]]);
  });

  it('has the size and the block size', async () => {
    const stat = await file.stat();
    expect({ ...stat }).toEqual({ size, blksize: 512, blocks: 64 });
    expect([stat.isBlockDevice(), stat.isFile(), stat.isDirectory()]).toEqual([true, false, false]);
    expect(await file.stat({ bigint: false })).toEqual(stat);
    const asBigint = file.stat({ bigint: true } as unknown as { bigint: false });
    await expect(asBigint).rejects.toMatchObject({ code: 'ERR_SPDK_UNSUPPORTED' });
    await file.sync();
    await file.datasync();
  });

  it('is read as text only if that is no longer than a string', async () => {
    const large = fixture.disk('large');
    const characters = constants.MAX_STRING_LENGTH;
    // None of it is read, so that it takes no memory.
    large.addNamespace(1, { blocks: Math.ceil(characters / 2 / 512) + 1 });
    const owner = await fixture.attach('large');
    await using whole = await open(owner.namespaces[0] as Namespace);
    await expect(whole.readFile('hex')).rejects.toMatchObject({ code: 'ERR_SPDK_NO_MEMORY' });
    expect(owner.stats().completed).toBe(0);

    // How long text of this encoding is, is known only afterwards.
    const cause = Object.assign(new Error('too long'), { code: 'ERR_STRING_TOO_LONG' });
    const converting = vi.spyOn(Buffer.prototype, 'toString').mockImplementation(() => {
      throw cause;
    });
    const outcome = await file.readFile('utf8').catch((error) => error);
    converting.mockRestore();
    expect(outcome).toMatchObject({ code: 'ERR_SPDK_NO_MEMORY', cause });
  });

  it('uses DMA memory where it is', async () => {
    using dma = fixture.env.allocate(2048);
    await file.read(dma, 512, 1024, 512);
    expect(dma.subarray(512, 1536).equals(noise(size, 7).subarray(512, 1536))).toBe(true);
    await file.read(dma, 100, 1000, 77);
    expect(dma.subarray(100, 1100).equals(noise(size, 7).subarray(77, 1077))).toBe(true);
  });

  it('notices a buffer that went away', async () => {
    const bytes = new Uint8Array(700);
    const reading = file.read(bytes, 0, 700, 3);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
    const source = new Uint8Array(700);
    const writing = file.write(source, 0, 700, 3);
    structuredClone(source.buffer, { transfer: [source.buffer] });
    await expect(writing).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
    expect(Buffer.from(memory.data).equals(noise(size, 7))).toBe(true);
    await expect(file.read(bytes)).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
    await expect(file.writev([source])).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
    class Liar extends Uint8Array {
      override get byteLength(): number {
        return 1_000_000;
      }
    }
    await expect(file.write(new Liar(5))).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
  });

  it('is closed once what is under way has ended, and takes nothing from then on', async () => {
    fixture.target.latencyMs = 10;
    const writing = file.write('abc', 3);
    const closing = file.close();
    await expect(file.read()).rejects.toMatchObject({ code: 'ERR_SPDK_FILE_CLOSED', errno: -9 });
    expect(() => file.createReadStream()).toThrow(code('ERR_SPDK_FILE_CLOSED'));
    await closing;
    expect(await Promise.race([writing, 'pending'])).toMatchObject({ bytesWritten: 3 });
    await file.close();
    {
      await using again = await open(ns);
      expect((await again.read(Buffer.alloc(3), 0, 3, 3)).buffer.toString()).toBe('abc');
      file = again;
    }
    await expect(file.stat()).rejects.toMatchObject({ code: 'ERR_SPDK_FILE_CLOSED' });
  });

  it('ends with its controller', async () => {
    fixture.target.silent = true;
    const reading = file.read(Buffer.alloc(600), 0, 600, 1).catch((error) => error);
    await tick();
    await controller.detach({ drainMs: 0, timeoutMs: 1000 });
    expect(await reading).toMatchObject({ code: expect.stringMatching(/^ERR_SPDK_/) });
    await expect(file.write('x', 0)).rejects.toMatchObject({ code: 'ERR_SPDK_CONTROLLER_DETACHED' });
  });

  it.each<[string, (one: NamespaceFile) => Promise<unknown>]>([
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.write(5 as never)],
    ['ERR_SPDK_INVALID_ARG_VALUE', (one) => one.read(Buffer.alloc(4), 5)],
    ['ERR_SPDK_INVALID_ARG_VALUE', (one) => one.read(Buffer.alloc(4), 1, 4)],
    ['ERR_SPDK_INVALID_ARG_VALUE', (one) => one.read(Buffer.alloc(4), 0, 4, -2)],
    ['ERR_SPDK_INVALID_ARG_VALUE', (one) => one.read(Buffer.alloc(4), 0, 4, 2n ** 60n)],
    ['ERR_SPDK_INVALID_ARG_VALUE', (one) => one.write('x', 0, 'klingon' as never)],
    ['ERR_SPDK_UNKNOWN_OPTION', (one) => one.read({ size: 4 } as never)],
    ['ERR_SPDK_UNKNOWN_OPTION', (one) => one.readFile({ flag: 'r' } as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.readFile({ signal: 'x' } as never)],
    ['ERR_SPDK_UNKNOWN_OPTION', (one) => one.writeFile('x', { flush: true } as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.writeFile(5 as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.writeFile(null as never)],
    ['ERR_SPDK_INVALID_ARG_VALUE', (one) => one.writeFile('x', 'klingon' as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', () => open(ns, { signal: {} as never })],
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.readv([5] as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.readv(Buffer.alloc(4) as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', (one) => one.writev(undefined as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', () => open({} as never)],
    ['ERR_SPDK_UNKNOWN_OPTION', () => open(ns, { flags: 'r' } as never)],
    ['ERR_SPDK_INVALID_ARG_TYPE', () => open(ns, { queuePair: {} as never })],
  ])('says %s (%#)', async (wanted, run) => {
    await expect(run(file)).rejects.toMatchObject({ code: wanted });
  });
});

describe('the streams of a file', () => {
  it('begin at the position, end inclusive, and close the file', async () => {
    await file.read(Buffer.alloc(100));
    const stream = file.createReadStream({ end: 1099, highWaterMark: 100 });
    expect((await buffer(stream)).equals(noise(size, 7).subarray(100, 1100))).toBe(true);
    await vi.waitFor(() => expect(file.read()).rejects.toMatchObject({ code: 'ERR_SPDK_FILE_CLOSED' }));
  });

  it('leave the file open if asked to, and speak encodings', async () => {
    const sink = file.createWriteStream({ start: 10, autoClose: false, encoding: 'hex', flush: true });
    sink.write('6869');
    await new Promise((resolve) => sink.end(resolve));
    const source = file.createReadStream({ start: 10, end: 11, autoClose: false, encoding: 'utf8' });
    expect(await text(source)).toBe('hi');
    await pipeline(Readable.from([noise(5000)]), file.createWriteStream({ start: 77, autoClose: false }));
    expect((await file.read(Buffer.alloc(5000), 0, 5000, 77)).buffer.equals(noise(5000))).toBe(true);
    expect(await buffer(file.createReadStream({ start: size + 5 }))).toHaveLength(0);
  });

  it('close it when all are closed, so that a file can be copied within itself', async () => {
    const places = { highWaterMark: 512, start: 16_384 };
    await pipeline(file.createReadStream({ end: 9_999 }), file.createWriteStream(places));
    expect(Buffer.from(memory.data.subarray(16_384, 26_384)).equals(noise(10_000, 7))).toBe(true);
    await vi.waitFor(() => expect(file.read()).rejects.toMatchObject({ code: 'ERR_SPDK_FILE_CLOSED' }));
  });

  it('are read at the same time, and close it after the last', async () => {
    fixture.target.latencyMs = 5;
    const short = file.createReadStream({ end: 99 });
    const long = file.createReadStream({ start: 100, highWaterMark: 512 });
    const [first, rest] = await Promise.all([buffer(short), buffer(long)]);
    expect(Buffer.concat([first, rest]).equals(noise(size, 7))).toBe(true);
    await vi.waitFor(() => expect(file.read()).rejects.toMatchObject({ code: 'ERR_SPDK_FILE_CLOSED' }));
  });

  it.each([true, false])(
    'end with the file whatever listeners the program removes (autoClose: %s)',
    async (autoClose) => {
      const source = file.createReadStream({ end: 99, autoClose });
      const sink = file.createWriteStream({ autoClose });
      for (const stream of [source, sink]) stream.removeAllListeners();
      expect(await buffer(source)).toHaveLength(100);
      sink.end('x');
      await vi.waitFor(() => expect([source.closed, sink.closed]).toEqual([true, true]));
      await tick();
      const read = file.read().then(
        () => 'open',
        (error) => error.code,
      );
      expect(await read).toBe(autoClose ? 'ERR_SPDK_FILE_CLOSED' : 'open');
      await file.close();
    },
  );

  it('take an encoding for options, and Infinity for the end, as those of node:fs do', async () => {
    const source = file.createReadStream({ start: size - 4, end: Infinity, autoClose: false });
    expect(await buffer(source)).toHaveLength(4);
    const sink = file.createWriteStream('hex');
    sink.end('6869');
    await once(sink, 'close');
    file = await open(ns);
    const chunks = await file.createReadStream('latin1').toArray();
    expect(chunks.join('')).toBe(Buffer.from(memory.data).toString('latin1'));
    expect(chunks.join('').slice(0, 2)).toBe('hi');
  });

  it('are destroyed when the file is closed, without an error', async () => {
    const source = file.createReadStream();
    await once(source, 'readable');
    const idle = file.createWriteStream();
    const written = file.createWriteStream({ start: 2048, highWaterMark: 512 });
    written.write(noise(512));
    await vi.waitFor(() => expect(written.bytesWritten).toBe(512));
    const failed = vi.fn();
    const ends = [source, idle, written].map((stream) => {
      stream.once('error', failed);
      return new Promise((end) => stream.once('close', end));
    });
    await file.close();
    await Promise.all(ends);
    expect(failed).not.toHaveBeenCalled();
  });

  it('are closed with the file, when their operations have ended', async () => {
    fixture.disk('aborting');
    const aborting = await fixture.attach('aborting', { onTimeout: 'abort' });
    const other = await open(aborting.namespaces[0] as Disk['ns']);
    fixture.target.silent = true;
    const stream = other.createReadStream().resume();
    await vi.waitFor(() => expect(aborting.stats().outstanding).toBe(1));
    const closing = other.close();
    await tick();
    expect(stream.closed).toBe(false);
    fixture.target.silent = false;
    await closing;
    expect(stream.closed).toBe(true);
  });

  it.each([
    ['is not sent', 100],
    ['is on the way', 512],
    ['waits', 10_000],
  ])('fail when the file is closed and data %s', async (_, bytes) => {
    fixture.target.silent = true;
    const stream = file.createWriteStream({ highWaterMark: 512 });
    const failed = once(stream, 'error');
    stream.write(noise(bytes));
    await tick(1);
    await file.close();
    expect(await failed).toEqual([code('ERR_SPDK_FILE_CLOSED')]);
  });

  it('reject what makes no sense', () => {
    expect(() => file.createReadStream({ start: 2, end: 1 })).toThrow(code('ERR_SPDK_CONFLICTING_OPTIONS'));
    expect(() => file.createReadStream({ flush: true } as never)).toThrow(code('ERR_SPDK_UNKNOWN_OPTION'));
    expect(() => file.createWriteStream({ end: 1 } as never)).toThrow(code('ERR_SPDK_UNKNOWN_OPTION'));
  });
});
