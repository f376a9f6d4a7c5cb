// Admin commands in memory: what is checked, sent and returned.
// Longer than other files: a list of short cases for each command.

import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../lib/admin.js';
import type { AdminCommand, LogPageOptions, SpdkErrorCode } from '../../lib/index.js';
import type { NativeAdminRequest } from '../../lib/native/contract.js';

const getLogPage = 0x02;
const identify = 0x06;
const setFeatures = 0x09;
const both = 0x7f;
const none = 0x18;

interface Fake {
  readonly admin: Admin;
  readonly sent: NativeAdminRequest[];
}

/** The data of each Get Log Page; each byte says where in the page it is. */
type Respond = (offset: number, length: number) => Buffer;
const counting: Respond = (offset, length) =>
  Buffer.from(Array.from({ length }, (_, i) => (offset + i) % 251));

/** An admin interface on a controller that completes immediately. */
function make(respond: Respond = counting, maxBytes = 4_096, lpa = 4): Fake {
  const sent: NativeAdminRequest[] = [];
  const responded = (request: NativeAdminRequest): Buffer => {
    if (request.opcode === identify) return Buffer.alloc(4096).fill(lpa, 261, 262);
    if (request.opcode !== getLogPage) return Buffer.alloc(0);
    return respond(request.cdw12 + request.cdw13 * 2 ** 32, request.data.length);
  };
  const native = {
    admin: (request: NativeAdminRequest) => {
      sent.push(request);
      queueMicrotask(() => request.done(null, 7, responded(request)));
      return () => {};
    },
  };
  return {
    admin: Admin.create({ native, rejection: () => undefined, maxBytes: () => maxBytes, tagOf: () => 0 }),
    sent,
  };
}

/** The pieces of a log page in the order they were asked for. */
function pieces(sent: readonly NativeAdminRequest[]) {
  return sent
    .filter(({ opcode }) => opcode === getLogPage)
    .map(({ cdw10, cdw11, cdw12, cdw13 }) => ({
      page: cdw10 & 0xff,
      retain: (cdw10 & 0x8000) !== 0,
      length: ((cdw10 >>> 16) + cdw11 * 65_536 + 1) * 4,
      offset: cdw12 + cdw13 * 2 ** 32,
    }));
}

async function expectRejected(call: Promise<unknown>, code: SpdkErrorCode, message: RegExp): Promise<void> {
  const error = await call.then(
    () => new Error('was not rejected'),
    (reason) => reason,
  );
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

describe('admin.send()', () => {
  it('passes dwords, data and limits on', async () => {
    const { admin, sent } = make();
    const data = Buffer.from('abcd');
    expect(await admin.send({ opcode: setFeatures, nsid: 3, cdw: [1, 0xffff_ffff], data })).toMatchObject({
      cdw0: 7,
    });
    expect(sent[0]).toMatchObject({ opcode: 9, nsid: 3, cdw10: 1, cdw11: 0xffff_ffff, cdw12: 0, data });
  });

  it('takes data of another realm, as test runners have', async () => {
    const { admin, sent } = make();
    const data = runInNewContext('new Uint8Array([97, 98])');
    expect(data instanceof Uint8Array).toBe(false);
    await admin.send({ opcode: setFeatures, data });
    expect([...(sent[0]?.data ?? [])]).toEqual([97, 98]);
  });

  it.each<[string, unknown, unknown, SpdkErrorCode, RegExp]>([
    [
      'a dword beyond 32 bits',
      { opcode: 6, cdw: [0xff << 24] },
      {},
      'ERR_SPDK_INVALID_ARG_VALUE',
      /cdw\[0\]/,
    ],
    ['a dword that is null', { opcode: 6, cdw: [null] }, {}, 'ERR_SPDK_INVALID_ARG_TYPE', /cdw\[0\].*null/],
    ['seven dwords', { opcode: 6, cdw: [0, 0, 0, 0, 0, 0, 0] }, {}, 'ERR_SPDK_INVALID_ARG_VALUE', /0 to 6/],
    [
      'dwords that cannot be read',
      { opcode: 6, cdw: trap() },
      {},
      'ERR_SPDK_INVALID_ARG_VALUE',
      /Reading cdw/,
    ],
    ['an opcode that is null', { opcode: null }, {}, 'ERR_SPDK_INVALID_ARG_TYPE', /opcode/],
    ['a nsid that is null', { opcode: 6, nsid: null }, {}, 'ERR_SPDK_INVALID_ARG_TYPE', /nsid/],
    ['data that is a string', { opcode: 9, data: 'abcd' }, {}, 'ERR_SPDK_INVALID_ARG_TYPE', /Uint8Array/],
    ['data that is null', { opcode: 9, data: null }, {}, 'ERR_SPDK_INVALID_ARG_TYPE', /Uint8Array/],
    ['an unknown key', { opcode: 6, dword: [] }, {}, 'ERR_SPDK_UNKNOWN_OPTION', /cdw/],
    ['an unknown option', { opcode: 6 }, { timeout: 1 }, 'ERR_SPDK_UNKNOWN_OPTION', /timeoutMs/],
    ['options that are null', { opcode: 6 }, null, 'ERR_SPDK_INVALID_ARG_TYPE', /plain object/],
    ['a timeout that is null', { opcode: 6 }, { timeoutMs: null }, 'ERR_SPDK_INVALID_ARG_TYPE', /timeoutMs/],
    ['a signal that is none', { opcode: 6 }, { signal: {} }, 'ERR_SPDK_INVALID_ARG_TYPE', /signal/],
    ['no time', { opcode: 6 }, { timeoutMs: 0 }, 'ERR_SPDK_INVALID_ARG_VALUE', /timeoutMs/],
    ['both ways', { opcode: both, dataLength: 8 }, {}, 'ERR_SPDK_UNSUPPORTED', /both directions/],
    [
      'data of two kinds',
      { opcode: 6, data: Buffer.alloc(8), dataLength: 8 },
      {},
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /not both/,
    ],
    [
      'data for an opcode that reads',
      { opcode: 6, data: Buffer.alloc(8) },
      {},
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /pass dataLength/,
    ],
    [
      'room for an opcode that writes',
      { opcode: 9, dataLength: 8 },
      {},
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /pass data,/,
    ],
    [
      'data for an opcode without',
      { opcode: none, dataLength: 8 },
      {},
      'ERR_SPDK_CONFLICTING_OPTIONS',
      /no data/,
    ],
    [
      'more than one command transfers',
      { opcode: 6, dataLength: 4_100 },
      {},
      'ERR_SPDK_INVALID_ARG_VALUE',
      /at most 4096 bytes .*4100/,
    ],
    [
      'a signal that has fired',
      { opcode: 6 },
      { signal: AbortSignal.abort() },
      'ERR_SPDK_ABORTED',
      /aborted/,
    ],
  ])('rejects %s, and sends nothing', async (_, command, options, code, message) => {
    const { admin, sent } = make();
    await expectRejected(admin.send(command as AdminCommand, options as object), code, message);
    expect(sent).toEqual([]);
  });

  it('takes an opcode of either direction without data', async () => {
    const { admin } = make();
    for (const opcode of [none, setFeatures, identify, both]) {
      expect((await admin.send({ opcode, dataLength: 0 })).cdw0).toBe(7);
    }
  });
});

describe('admin.logPage()', () => {
  it('is one command when the page fits, which clears the event', async () => {
    const { admin, sent } = make();
    expect(await admin.logPage(2, 512)).toEqual(counting(0, 512));
    expect(pieces(sent)).toEqual([{ page: 2, retain: false, length: 512, offset: 0 }]);
    expect(sent).toHaveLength(1);
  });

  it('is several when it does not, and the event is kept until the last', async () => {
    const { admin, sent } = make();
    expect(await admin.logPage(1, 10_000)).toEqual(counting(0, 10_000));
    expect(pieces(sent)).toEqual([
      { page: 1, retain: true, length: 4_096, offset: 0 },
      { page: 1, retain: true, length: 4_096, offset: 4_096 },
      { page: 1, retain: false, length: 1_808, offset: 8_192 },
    ]);
  });

  it('begins at an offset, beyond 32 bits too, and keeps the event when asked to', async () => {
    const { admin, sent } = make();
    const offset = 2 ** 33 + 8;
    expect(await admin.logPage(7, 8_192, 0, { offset, retain: true })).toEqual(counting(offset, 8_192));
    expect(pieces(sent).map((piece) => [piece.offset, piece.retain])).toEqual([
      [offset, true],
      [offset + 4_096, true],
    ]);
  });

  it('has the log specific parameter and identifier in every piece', async () => {
    const { admin, sent } = make();
    await admin.logPage(7, 8_192, 0, { lsp: 0x7f, lsi: 0xfffe });
    const read = sent.filter(({ opcode }) => opcode === getLogPage);
    expect(read.map(({ cdw10, cdw11 }) => [(cdw10 >>> 8) & 0x7f, cdw11])).toEqual(
      [1, 2].map(() => [0x7f, 0xfffe * 0x1_0000]),
    );
  });

  it('puts more than 16 bits of dwords where they belong', async () => {
    const { admin, sent } = make(counting, 2 ** 32 - 1);
    await admin.logPage(7, 1_048_576);
    expect(pieces(sent)).toEqual([{ page: 7, retain: false, length: 1_048_576, offset: 0 }]);
  });

  it.each([
    ['several pieces', 8_192, {}],
    ['an offset', 512, { offset: 512 }],
  ])('rejects %s of a controller that takes no offsets', async (_, length, options) => {
    const { admin, sent } = make(counting, 4_096, 3);
    await expectRejected(admin.logPage(1, length, 0, options), 'ERR_SPDK_UNSUPPORTED', /at most 4096 bytes/);
    expect(pieces(sent)).toEqual([]);
  });

  it('rejects one command of more than 16 bits of dwords where the controller takes no more', async () => {
    const { admin, sent } = make(counting, 2 ** 20, 0);
    await admin.logPage(1, 262_144);
    await expectRejected(admin.logPage(1, 262_148), 'ERR_SPDK_UNSUPPORTED', /at most 262144 bytes/);
    expect(pieces(sent)).toHaveLength(1);
  });

  it.each([0x0c, 0x70])('reads page %i anew when its count changed meanwhile', async (page) => {
    let reads = 0;
    const respond: Respond = (offset, length) => {
      const data = counting(offset, length);
      // Each full reading is four commands: the count, two pieces, the count.
      if (offset === 0) data.writeBigUInt64LE(BigInt(Math.min(2, Math.floor(reads / 3))));
      reads++;
      return data;
    };
    const { admin, sent } = make(respond);
    const data = await admin.logPage(page, 8_192);
    expect(data.readBigUInt64LE(0)).toBe(2n);
    expect(pieces(sent).map(({ length }) => length)).toEqual([
      8, 4096, 4096, 8, 8, 4096, 4096, 8, 8, 4096, 4096, 8,
    ]);
    expect(pieces(sent).map(({ retain }) => retain)).toEqual(
      Array.from({ length: 12 }, (_, i) => i % 4 !== 3),
    );
  });

  it('gives up on a page that changes all the time', async () => {
    let count = 0n;
    const respond: Respond = (_, length) => {
      const data = Buffer.alloc(length);
      data.writeBigUInt64LE(count++);
      return data;
    };
    const { admin, sent } = make(respond);
    await expectRejected(admin.logPage(0x70, 8_192), 'ERR_SPDK_LOG_PAGE_CHANGED', /10 attempts/);
    expect(sent.length).toBe(1 + 10 * 4);
  });

  it.each<[string, number, LogPageOptions, RegExp]>([
    ['a length that is no multiple of 4', 6, {}, /multiple of 4/],
    ['an offset that is no multiple of 4', 8, { offset: 2 }, /multiple of 4/],
    ['more than 256 MiB', 268_435_460, {}, /268435456/],
    ['no length', 0, {}, /length/],
  ])('rejects %s', async (_, length, options, message) => {
    const { admin, sent } = make();
    await expectRejected(admin.logPage(1, length, 0, options), 'ERR_SPDK_INVALID_ARG_VALUE', message);
    expect(sent).toEqual([]);
  });

  it('has one time limit for all its pieces, which the error names', async () => {
    const { admin } = make((offset, length) => {
      const until = performance.now() + 30;
      while (performance.now() < until);
      return counting(offset, length);
    });
    await expectRejected(
      admin.logPage(1, 40_960, 0, { timeoutMs: 100 }),
      'ERR_SPDK_TIMEOUT',
      /^Reading log page 1 took more than 100 ms/,
    );
  });

  it('ends between pieces when its signal fires', async () => {
    const aborter = new AbortController();
    const { admin, sent } = make((offset, length) => {
      if (offset === 4_096) aborter.abort();
      return counting(offset, length);
    });
    const read = admin.logPage(1, 40_960, 0, { signal: aborter.signal });
    await expectRejected(read, 'ERR_SPDK_ABORTED', /log page 1/);
    expect(pieces(sent)).toHaveLength(2);
  });
});

describe('every other admin call', () => {
  const calls: readonly [string, (admin: Admin, options: object) => Promise<unknown>][] = [
    ['identify', (admin, options) => admin.identify(1, 0, options)],
    ['logPage', (admin, options) => admin.logPage(2, 512, 0, options)],
    ['smartLog', (admin, options) => admin.smartLog(options)],
    ['errorLog', (admin, options) => admin.errorLog(1, options)],
    ['getFeature', (admin, options) => admin.getFeature(7, 0, options)],
    ['setFeature', (admin, options) => admin.setFeature(7, 1, 0, options)],
  ];

  it.each(calls)('%s heeds timeoutMs and signal', async (_, call) => {
    const { admin, sent } = make();
    await call(admin, { timeoutMs: 1_000, signal: new AbortController().signal });
    expect(sent).toHaveLength(1);
    await expectRejected(call(admin, { signal: AbortSignal.abort() }), 'ERR_SPDK_ABORTED', /aborted/);
    await expectRejected(call(admin, { timeout: 1 }), 'ERR_SPDK_UNKNOWN_OPTION', /timeoutMs/);
    expect(sent).toHaveLength(1);
  });
});

function trap(): number[] {
  return new Proxy([0], {
    get: (target, key) => {
      if (key === 'slice' || key === '0') throw new Error('trapped');
      return Reflect.get(target, key);
    },
  });
}
