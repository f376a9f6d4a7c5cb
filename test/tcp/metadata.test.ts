// Metadata and protection information over TCP: all kinds.

import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { native } from '../../lib/native/addon.js';
import { announces, blockSize, describeMetadata } from '../integration/suites/metadata.js';
import { codeOf } from '../integration/support/timing.js';

const kinds = ([1, 2, 3] as const).flatMap((protectionType) =>
  [8, 16].flatMap((size) => [true, false].map((first) => ({ size, protectionType, first }))),
);

const attach = describeMetadata({ trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4499' }, kinds);

it.runIf(announces).each(kinds)(
  'type $protectionType, $size bytes, first: $first, is not made by this target',
  async (kind) => {
    const ns = await attach(kind);
    // Random bytes would be right now and then, or say that nothing is to be checked.
    const data = Buffer.alloc(blockSize, 'data');
    const others = kind.size > 8 ? { metadata: Buffer.alloc(kind.size, 'metadata') } : {};
    const options = { offset: 0, ...others, protection: { by: 'controller' as const } };
    expect(await codeOf(ns.write(data, options))).toMatch(/ERR_SPDK_(IO_FAILED|PROTECTION)/);
    await ns.controller.detach();
  },
);

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
