// Metadata and protection information with nvmf_tgt, whose null disks check what they are written and make what they are read. They keep
// no data; test/unit/metadata.test.ts has a target that does.

import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DmaBuffer, Environment, type Namespace, spdkVersion } from '../../lib/index.js';
import { native } from '../../lib/native/addon.js';
import { crc16T10Dif } from '../../lib/testing/crc16.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { codeOf } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4499' } as const;
const blockSize = 512;
const kinds = ([1, 2, 3] as const).flatMap((protectionType) =>
  [8, 16].flatMap((size) => [true, false].map((first) => ({ size, protectionType, first }))),
);
const unprotected = { size: 8, protectionType: 0 as const };
const nameOf = ({ size, protectionType, first }: { size: number; protectionType: number; first?: boolean }) =>
  `nqn.2026-11.dev.spdk-nvme:type${protectionType}-${size}-${first ? 'first' : 'last'}`;

const { major, minor } = spdkVersion();
/** Targets of these releases check it, and do not announce it. */
const announces = major * 100 + minor < 2209 || major >= 25;

let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [...kinds, unprotected].map((metadata, index) => ({
      nqn: nameOf(metadata),
      serial: `METADATA${index}`,
      disk: { kind: 'null', sizeMb: 16, blockSize, metadata },
    })),
  });
  ensureHugepages(320);
  env = await Environment.init({ memoryMb: 128, pollers: 1 });
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
});

async function attach(kind: Parameters<typeof nameOf>[0]): Promise<Namespace> {
  const controller = await env.attach(listenerId(listener, nameOf(kind)), { timeoutMs: 30_000 });
  return controller.namespaces[0] as Namespace;
}

describe.each(kinds)('protection information of type $protectionType, $size bytes, first: $first', (kind) => {
  it('is what the target checks, and its own is checked', async () => {
    const ns = await attach(kind);
    expect(ns).toMatchObject({ blockSize, metadataSize: kind.size, metadata: 'interleaved' });
    const how = { type: kind.protectionType, place: kind.first ? 'first' : 'last' } as const;
    if (announces) expect(ns.protection).toEqual({ ...how, guardBits: 16 });
    const protection = announces ? {} : how;
    const blocks = 600;
    const data = randomBytes(blocks * blockSize);
    const others = { ...(kind.size > 8 && { metadata: randomBytes(blocks * kind.size) }), protection };
    const offset = 7 * blockSize;
    await ns.write(data, { offset, ...others });
    await ns.writev([data.subarray(0, 100), data.subarray(100)], { offset, ...others });
    await ns.read(Buffer.alloc(data.length), { offset, protection });
    await ns.readv([Buffer.alloc(100), Buffer.alloc(data.length - 100)], { offset, protection });

    // By the caller, as it is: right, and with a wrong guard, application tag and reference tag.
    const given = Buffer.alloc(kind.size);
    const at = kind.first ? 0 : kind.size - 8;
    const covered = Buffer.concat([data.subarray(0, blockSize), given.subarray(0, at)]);
    given.writeUInt16BE(crc16T10Dif(covered), at);
    given.writeUInt32BE(7, at + 4);
    const one = data.subarray(0, blockSize);
    const write = (metadata: Buffer) =>
      codeOf(ns.write(one, { offset, metadata, protection: { ...protection, by: 'caller' } }));
    expect(await write(given)).toBe('none');
    const checked = kind.protectionType === 3 ? [0] : [0, 4];
    for (const part of checked) {
      const wrong = Buffer.from(given);
      wrong[at + part] = (wrong[at + part] as number) ^ 1;
      expect(await write(wrong)).toMatch(/ERR_SPDK_(IO_FAILED|PROTECTION)/);
    }

    // What arrives with tags other than those that are expected.
    if (kind.protectionType !== 3) {
      const tagged = ns.read(Buffer.alloc(blockSize), {
        offset,
        protection: { ...protection, applicationTag: 9 },
      });
      await expect(tagged).rejects.toMatchObject({
        code: 'ERR_SPDK_PROTECTION',
        nvmeStatus: { sct: 2, sc: 0x83 },
      });
    }
    const whole = await ns.read(env.allocate(blockSize + kind.size), {
      offset,
      metadata: 'interleaved',
      protection,
    });
    expect(whole.readUInt16BE(blockSize + at)).toBe(crc16T10Dif(whole.subarray(0, blockSize + at)));
    const asItIs = { ...protection, by: 'caller' } as const;
    await ns.write(whole, { offset, metadata: 'interleaved', protection: asItIs });
    (whole as DmaBuffer).release();
    await ns.controller.detach();
  });

  it.runIf(announces)('is not made by this target, which says so', async () => {
    const ns = await attach(kind);
    const data = randomBytes(blockSize);
    const others = kind.size > 8 ? { metadata: randomBytes(kind.size) } : {};
    const options = { offset: 0, ...others, protection: { by: 'controller' as const } };
    expect(await codeOf(ns.write(data, options))).toMatch(/ERR_SPDK_(IO_FAILED|PROTECTION)/);
    await ns.controller.detach();
  });
});

it.runIf(announces)('streams have the data of a namespace with protection information', async () => {
  const ns = await attach({ size: 8, protectionType: 1, first: true });
  const stream = ns.createWriteStream({ startBytes: 700 });
  stream.end(randomBytes(100_000));
  await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject));
  let bytes = 0;
  for await (const chunk of ns.chunks({ startBytes: 1, endBytes: 3_000_001 })) bytes += chunk.length;
  expect(bytes).toBe(3_000_000);
  await ns.controller.detach();
});

it('metadata without protection information is the caller’s', async () => {
  const ns = await attach(unprotected);
  const data = randomBytes(10 * blockSize);
  await ns.write(data, { offset: 0, metadata: randomBytes(80) });
  await ns.read(data, { offset: 0, metadata: Buffer.alloc(80) });
  await ns.read(Buffer.alloc(10 * (blockSize + 8)), { offset: 0, metadata: 'interleaved' });
  expect(await codeOf(ns.write(data, { offset: 0 }))).toBe('ERR_SPDK_UNSUPPORTED');
  expect(() => ns.createWriteStream()).toThrow(/metadata/);
  await ns.controller.detach();
});

it('native code checks the lengths that it is given, and has the checksum of the standard', () => {
  const { guards } = native();
  const data = Buffer.concat([Buffer.from('123456789'), Buffer.alloc(7)]);
  expect([...guards(data, 16, 9)]).toEqual([0xd0db]);
  expect([...guards(randomBytes(0), 16, 9)]).toEqual([]);
  for (const [bytes, blockBytes, covered] of [
    [data, 0, 0],
    [data, 15, 9],
    [data, 16, 17],
    [data, -16, 1],
    [data, Number.NaN, 1],
    ['123', 1, 1],
    [new Uint16Array(8), 16, 9],
  ] as const) {
    expect(() => guards(bytes as Uint8Array, blockBytes, covered)).toThrow(/guards\(\)/);
  }
});
