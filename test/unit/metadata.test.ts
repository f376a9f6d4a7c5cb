// Metadata and protection information of reads and writes, with a target in memory that keeps and checks them by code of its own.
// Longer than other files: the cases share that target.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { open } from '../../lib/file/index.js';
import { type DataOptions, Environment, type Namespace, type SpdkError } from '../../lib/index.js';
import { crc16T10Dif } from '../../lib/testing/crc16.js';
import {
  type MemoryNamespaceOptions,
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { takeDown } from './memory/two-paths.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:metadata';
const blocks = 64;

let simulation: Simulation;
let target: MemoryTarget;
let subsystem: MemorySubsystem;
let env: Environment;

beforeEach(async () => {
  simulation = simulate();
  target = simulation.addTarget();
  subsystem = target.addSubsystem(nqn);
  env = await Environment.init();
});
afterEach(async () => {
  await env.close();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

async function disk(options: MemoryNamespaceOptions) {
  await Promise.all(env.controllers.map((controller) => controller.detach()));
  const stored = subsystem.addNamespace(1, { blocks, ...options });
  return { stored, ns: (await env.attach(subsystem.id)).namespaces[0] as Namespace };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    ({ code }: SpdkError) => code,
  );
const statusOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    ({ code, nvmeStatus }: SpdkError) => `${code} ${nvmeStatus?.sc.toString(16)}`,
  );

it('has the checksum of the standard', () => {
  expect(crc16T10Dif(Buffer.from('123456789'))).toBe(0xd0db);
});

describe('protection information', () => {
  const shapes = [1, 2, 3].flatMap((protectionType) =>
    (['first', 'last'] as const).flatMap((protectionPlace) =>
      [8, 16].map((metadataSize) => ({ protectionType, protectionPlace, metadataSize })),
    ),
  );

  it.each(shapes)('made here is what the controller makes: %j', async (shape) => {
    const { stored, ns } = await disk(shape);
    const data = randomBytes(4 * 512);
    const metadata = shape.metadataSize > 8 ? { metadata: randomBytes(4 * shape.metadataSize) } : {};
    const made = async (by: 'package' | 'controller') => {
      await ns.write(data, {
        offset: 512,
        ...metadata,
        protection: { by, referenceTag: shape.protectionType === 1 ? 1 : 77, applicationTag: 0x1234 },
      });
      return Buffer.from(stored.metadata.subarray(shape.metadataSize, 5 * shape.metadataSize));
    };
    const here = await made('package');
    expect(here).toEqual(await made('controller'));
    expect(Buffer.from(stored.data.subarray(512, 5 * 512))).toEqual(data);
    const protection = { referenceTag: shape.protectionType === 1 ? 1 : 77, applicationTag: 0x1234 };
    for (const by of ['package', 'controller', ...(shape.metadataSize > 8 ? [] : ['caller'])] as const) {
      const caller = by === 'caller' ? { metadata: Buffer.alloc(4 * shape.metadataSize) } : {};
      const read = ns.read(Buffer.alloc(data.length), {
        offset: 512,
        ...caller,
        protection: { ...protection, by: by as 'caller' },
      });
      expect(await read, by).toEqual(data);
    }
  });

  it.each(['package', 'controller'] as const)('that is damaged is found by the %s', async (by) => {
    const { stored, ns } = await disk({ metadataSize: 8, protectionType: 1 });
    // The controller checks first, unless only this package is asked to check.
    const read = (protection: object = {}) =>
      ns.read(Buffer.alloc(1024), { offset: 0, protection: { by, ...protection } });
    await ns.write(randomBytes(1024), { offset: 0, protection: { applicationTag: 5 } });
    expect(await statusOf(read())).toBe('none');
    expect(await statusOf(read({ applicationTag: 6 }))).toBe('ERR_SPDK_PROTECTION 83');
    expect(await statusOf(read({ applicationTag: 7, applicationTagMask: 0xfffd }))).toBe('none');
    expect(await statusOf(read({ applicationTag: 6, checkApplicationTag: false }))).toBe('none');
    stored.data[600] = (stored.data[600] as number) ^ 1;
    expect(await statusOf(read())).toBe('ERR_SPDK_PROTECTION 82');
    expect(await statusOf(read({ checkGuard: false }))).toBe('none');
    stored.data[600] = (stored.data[600] as number) ^ 1;
    stored.metadata[15] = (stored.metadata[15] as number) ^ 1;
    expect(await statusOf(read())).toBe('ERR_SPDK_PROTECTION 84');
    expect(await statusOf(read({ checkReferenceTag: false }))).toBe('none');
  });

  it('that was damaged on its way is found here, though the controller saw nothing', async () => {
    const { stored, ns } = await disk({ metadataSize: 8, protectionType: 2 });
    await ns.write(randomBytes(1024), { offset: 0 });
    // Without a check at the controller: as by a target that ignores PRCHK.
    Object.defineProperty(stored, 'protection', { value: { type: 0, place: 'none', guardBits: 0 } });
    stored.data[513] = (stored.data[513] as number) ^ 1;
    const error = await ns.read(Buffer.alloc(1024), { offset: 0 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_SPDK_PROTECTION', nvmeStatus: { sct: 2, sc: 0x82 } });
    expect((error as SpdkError).message).toMatch(/^Block 1 arrived with the guard/);
    expect(await codeOf(ns.read(Buffer.alloc(512), { offset: 0 }))).toBe('none');
  });

  it('of blocks that were never written is not checked', async () => {
    for (const protectionType of [1, 2, 3]) {
      const { ns } = await disk({ metadataSize: 8, protectionType });
      expect(await codeOf(ns.read(Buffer.alloc(8192), { offset: 0 }))).toBe('none');
    }
  });

  it('counts on over the commands of a long operation, and is right after zeroes', async () => {
    const { ns } = await disk({ metadataSize: 8, protectionType: 1, blocks: 8192 });
    const data = randomBytes(3 << 20);
    await ns.write(data, { offset: 512 });
    for (const by of ['package', 'controller'] as const)
      expect(
        (await ns.read(Buffer.alloc(data.length), { offset: 512, protection: { by } })).equals(data),
      ).toBe(true);
    await ns.writeZeroes({ offset: 1024, length: 1 << 20 });
    await ns.verify({ offset: 0, length: ns.bytes });
    const zeroes = await ns.read(Buffer.alloc(1 << 20), { offset: 1024 });
    expect(zeroes.every((byte) => byte === 0)).toBe(true);
  });

  it('is found damaged by verify', async () => {
    const { stored, ns } = await disk({ metadataSize: 8, protectionType: 1 });
    await ns.write(randomBytes(1024), { offset: 0 });
    stored.data[3] = (stored.data[3] as number) ^ 1;
    expect(await statusOf(ns.verify({ offset: 0, length: 1024 }))).toBe('ERR_SPDK_PROTECTION 82');
  });

  it('that the controller does not announce is made and checked here all the same', async () => {
    const { stored, ns } = await disk({ metadataSize: 16 });
    const protection = { type: 1, place: 'first', applicationTag: 3 } as const;
    const [data, metadata] = [randomBytes(1024), randomBytes(32)];
    await ns.write(data, { offset: 512, metadata, protection });
    const part = Buffer.from(stored.metadata.subarray(32, 48));
    expect(part.readUInt16BE(0)).toBe(crc16T10Dif(data.subarray(512)));
    expect([part.readUInt16BE(2), part.readUInt32BE(4)]).toEqual([3, 2]);
    expect(part.subarray(8)).toEqual(metadata.subarray(24));
    expect(await ns.read(Buffer.alloc(1024), { offset: 512, protection })).toEqual(data);
    stored.data[512] = (stored.data[512] as number) ^ 1;
    const read = (given: DataOptions['protection']) =>
      statusOf(ns.read(Buffer.alloc(512), { offset: 512, protection: given }));
    expect(await read(protection)).toBe('ERR_SPDK_PROTECTION 82');
    expect(await read({ ...protection, checkGuard: false })).toBe('none');
    expect(await read({ checkGuard: false })).toBe('ERR_SPDK_UNSUPPORTED undefined');
    expect(await read({ ...protection, by: 'controller' })).toBe('ERR_SPDK_CONFLICTING_OPTIONS undefined');
    const small = (await disk({ metadataSize: 4 })).ns;
    const tooSmall = small.read(Buffer.alloc(512), { offset: 0, protection: { type: 1 } });
    expect(await codeOf(tooSmall)).toBe('ERR_SPDK_CONFLICTING_OPTIONS');
    const other = (await disk({ metadataSize: 8, protectionType: 1 })).ns;
    const contradicting = other.read(Buffer.alloc(512), { offset: 0, protection: { type: 2 } });
    expect(await codeOf(contradicting)).toBe('ERR_SPDK_CONFLICTING_OPTIONS');
    // Protection information is all of the metadata: none has to be given.
    const eight = (await disk({ metadataSize: 8 })).ns;
    await eight.write(data, { offset: 0, protection: { type: 3 } });
    expect(await eight.read(Buffer.alloc(1024), { offset: 0, protection: { type: 3 } })).toEqual(data);
  });

  it('of the caller goes as it is', async () => {
    const { stored, ns } = await disk({ metadataSize: 8, protectionType: 1 });
    // Random bytes would be right now and then, or say that nothing is to be checked.
    const data = Buffer.alloc(512, 'data');
    const metadata = Buffer.from('metadata');
    const protection = { by: 'caller' as const, checkGuard: false, checkReferenceTag: false };
    await ns.write(data, { offset: 0, metadata, protection });
    expect(Buffer.from(stored.metadata.subarray(0, 8))).toEqual(metadata);
    const checked = ns.write(data, { offset: 0, metadata, protection: { by: 'caller' } });
    expect(await statusOf(checked)).toBe('ERR_SPDK_PROTECTION 82');
    expect(
      await ns.read(Buffer.alloc(512), { offset: 0, protection: { ...protection, by: 'package' } }),
    ).toEqual(Buffer.from(stored.data.subarray(0, 512)));
  });
});

describe('metadata', () => {
  it.each([4, 8, 64])('of %d bytes comes back, beside the data and among it', async (metadataSize) => {
    const { stored, ns } = await disk({ metadataSize });
    const [data, metadata] = [randomBytes(8 * 512), randomBytes(8 * metadataSize)];
    await ns.write(data, { offset: 1024, metadata });
    expect(Buffer.from(stored.metadata.subarray(2 * metadataSize, 10 * metadataSize))).toEqual(metadata);
    const back = Buffer.alloc(metadata.length);
    expect(await ns.read(Buffer.alloc(data.length), { offset: 1024, metadata: back })).toEqual(data);
    expect(back).toEqual(metadata);
    // Without a buffer for it, a read drops it.
    expect(await ns.read(Buffer.alloc(data.length), { offset: 1024 })).toEqual(data);

    const whole = 512 + metadataSize;
    const all = await ns.read(Buffer.alloc(8 * whole), { offset: 1024, metadata: 'interleaved' });
    expect(all.subarray(0, 512)).toEqual(data.subarray(0, 512));
    expect(all.subarray(512, whole)).toEqual(metadata.subarray(0, metadataSize));
    for (const buffer of [all, copyTo(env.allocate(all.length), all)]) {
      await ns.write(buffer, { offset: 0, metadata: 'interleaved' });
      const dma = env.allocate(buffer.length);
      expect(Buffer.from(await ns.read(dma, { offset: 0, metadata: 'interleaved' }))).toEqual(all);
      dma.release();
    }
    const parts = [Buffer.alloc(700), Buffer.alloc(data.length - 700)];
    back.fill(0);
    await ns.readv(parts, { offset: 0, metadata: back });
    expect([Buffer.concat(parts), back]).toEqual([data, metadata]);
    await ns.writev([data.subarray(0, 1), data.subarray(1)], { offset: 512, metadata });
    expect(await ns.read(Buffer.alloc(data.length), { offset: 512 })).toEqual(data);
  });

  it('of the wrong size, or none where there must be one, sends nothing', async () => {
    const { stored, ns } = await disk({ metadataSize: 16, protectionType: 1 });
    const before = Buffer.from(stored.metadata);
    const write = (options: Partial<DataOptions>, bytes = 1024) =>
      codeOf(ns.write(Buffer.alloc(bytes, 1), { offset: 0, ...options }));
    expect(await write({ metadata: Buffer.alloc(31) })).toBe('ERR_SPDK_INVALID_BUFFER');
    expect(await write({ metadata: Buffer.alloc(33) })).toBe('ERR_SPDK_INVALID_BUFFER');
    expect(await write({ metadata: 'interleaved' })).toBe('ERR_SPDK_UNALIGNED');
    expect(await write({ metadata: 'separate' as 'interleaved' })).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    expect(await write({})).toBe('ERR_SPDK_UNSUPPORTED');
    expect(await write({ metadata: 'interleaved' }, blocks * 528 + 528)).toBe('ERR_SPDK_OUT_OF_RANGE');
    expect(await write({ metadata: 'interleaved' }, 528)).toBe('none');
    stored.data.fill(0);
    stored.metadata.set(before);
    const read = codeOf(ns.read(Buffer.alloc(512), { offset: 0, metadata: Buffer.alloc(8) }));
    expect(await read).toBe('ERR_SPDK_INVALID_BUFFER');
    expect(await codeOf(ns.compare(Buffer.alloc(512), { offset: 0 }))).toBe('ERR_SPDK_UNSUPPORTED');
    const both = ns.compareAndWrite(Buffer.alloc(512), Buffer.alloc(512), { offset: 0 });
    expect(await codeOf(both)).toBe('ERR_SPDK_UNSUPPORTED');
    expect([...stored.data].every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    [{ by: 'nobody' }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ by: 'caller' }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    [{ referenceTag: 1 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ applicationTag: 65_536 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ checkGuard: 1 }, 'ERR_SPDK_INVALID_ARG_TYPE'],
    [{ guard: true }, 'ERR_SPDK_UNKNOWN_OPTION'],
  ])('protection %j is rejected with %s', async (protection, code) => {
    const { ns } = await disk({ metadataSize: 8, protectionType: 1 });
    const given = protection as DataOptions['protection'];
    expect(await codeOf(ns.read(Buffer.alloc(512), { offset: 0, protection: given }))).toBe(code);
  });

  it('of a controller that makes it all is not given, and type 3 has no check of the reference tag', async () => {
    const { ns } = await disk({ metadataSize: 8, protectionType: 3 });
    const options = { offset: 0, metadata: Buffer.alloc(8), protection: { by: 'controller' as const } };
    expect(await codeOf(ns.read(Buffer.alloc(512), options))).toBe('ERR_SPDK_CONFLICTING_OPTIONS');
    const checks = { offset: 0, protection: { checkReferenceTag: true } };
    expect(await codeOf(ns.read(Buffer.alloc(512), checks))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
  });

  it('and protection are rejected where there are none, and so is what is separate', async () => {
    const plain = (await disk({})).ns;
    const [metadata, protection] = [Buffer.alloc(8), { checkGuard: false }];
    for (const options of [
      { metadata },
      { protection },
      { metadata: 'interleaved' as const },
      { metadata: null as never },
    ]) {
      const given = { offset: 0, ...options };
      expect(await codeOf(plain.read(Buffer.alloc(512), given))).toBe('ERR_SPDK_UNSUPPORTED');
      expect(await codeOf(plain.writev([Buffer.alloc(512)], given))).toBe('ERR_SPDK_UNSUPPORTED');
      expect(await codeOf(plain.compare(Buffer.alloc(512), given))).toBe('ERR_SPDK_UNSUPPORTED');
      const both = plain.compareAndWrite(Buffer.alloc(512), Buffer.alloc(512), given);
      expect(await codeOf(both)).toBe('ERR_SPDK_UNSUPPORTED');
    }
    const separate = (await disk({ metadataSize: 8, metadata: 'separate' })).ns;
    expect(await codeOf(separate.read(Buffer.alloc(512), { offset: 0, metadata }))).toBe(
      'ERR_SPDK_UNSUPPORTED',
    );
    expect(() => separate.createReadStream()).toThrow(/separate metadata/);
  });
});

describe('streams and files', () => {
  it('have the data where protection information is all of the metadata', async () => {
    const { ns } = await disk({ metadataSize: 8, protectionType: 1 });
    const data = randomBytes(5_000);
    const stream = ns.createWriteStream({ startBytes: 100 });
    stream.end(data);
    await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject));
    const back: Buffer[] = [];
    for await (const chunk of ns.chunks({ startBytes: 100, endBytes: 5_100 })) back.push(Buffer.from(chunk));
    expect(Buffer.concat(back)).toEqual(data);
    const file = await open(ns);
    expect((await file.read(Buffer.alloc(10), 0, 10, 200)).buffer).toEqual(data.subarray(100, 110));
    await file.close();
  });

  it('do not write where they would lose other metadata', async () => {
    const { ns } = await disk({ metadataSize: 8 });
    expect(() => ns.createWriteStream()).toThrow(/8 bytes of interleaved metadata/);
    expect(await codeOf(open(ns))).toBe('ERR_SPDK_UNSUPPORTED');
    for await (const chunk of ns.chunks({ endBytes: 700 })) expect(chunk.length).toBe(700);
  });
});

it('goes out again over another path with its metadata', async () => {
  const other = simulation.addTarget({ traddr: '127.0.0.2' }).addSubsystem(nqn);
  const stored = subsystem.addNamespace(1, { blocks, metadataSize: 16, protectionType: 1 });
  other.shareNamespace(stored);
  const whole = await env.attachSubsystem([subsystem.id, other.id]);
  const ns = whole.namespaces[0];
  if (!ns) throw new Error('no namespace');
  const [data, metadata] = [randomBytes(2048), randomBytes(64)];
  const [sent, beside] = [Buffer.from(data), Buffer.from(metadata)];
  target.latencyMs = 60_000;
  const writing = ns.write(sent, { offset: 0, metadata: beside });
  await vi.waitFor(() => expect(env.controllers.map((one) => one.stats().outstanding)).toEqual([1, 0]));
  sent.fill(0);
  beside.fill(0);
  // A controller that is connected again at once would send it itself.
  takeDown(target);
  await writing;
  expect(whole.paths.map((path) => path.stats().failedOver)).toEqual([1, 0]);
  const back = Buffer.alloc(64);
  expect(await ns.read(Buffer.alloc(2048), { offset: 0, metadata: back })).toEqual(data);
  // The protection information differs, because the written metadata had none.
  for (let at = 0; at < 64; at += 16)
    expect(back.subarray(at, at + 8)).toEqual(metadata.subarray(at, at + 8));
});

function copyTo<Target extends Buffer>(memory: Target, data: Buffer): Target {
  memory.set(data);
  return memory;
}
