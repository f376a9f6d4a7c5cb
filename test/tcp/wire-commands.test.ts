// Commands that no target of the tests has, on the wire: a proxy in front of nvmf_tgt announces them, notes what SPDK sends for them,
// and answers. What is expected was written from the specifications (NVMe base 1.4 and 2.0; NVM command set).

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Controller, Namespace } from '../../lib/index.js';
import { type Answer, answerCommands, type Seen } from './answering-proxy.js';
import { localTarget } from './local-target.js';
import type { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:wire';
const port = 4481;
const local = localTarget({
  port: String(port),
  subsystems: [{ nqn, serial: 'WIRE', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1 },
});
const adminOpcodes = [0x0d, 0x10, 0x11, 0x14, 0x15, 0x80, 0x84];
const logPages = [0x06, 0x81];
const getLogPage = 0x02;
const everyNamespace = 0xffff_ffff;

/** What the commands that the proxy takes are answered with; success where nothing is left. */
let answers: Answer[];
let ioOpcodes: readonly number[];
let shape: (page: Buffer) => void;
let seen: Seen[];
let proxy: PduProxy;
let controller: Controller;
let ns: Namespace;

function announce(page: Buffer): void {
  page.writeUInt16LE(0b1_1110, 256); // OACS: format, firmware, namespaces, self-test
  page.writeUInt8(1, 319); // FWUG: 4 KiB
  page.writeUInt32LE(0b111, 328); // SANICAP: every kind
  page.writeUInt16LE(page.readUInt16LE(520) | 0b1_1000_0010, 520); // ONCS: Write Uncorrectable, Verify, Copy
  page.writeUInt8(0b100, 524); // FNA: cryptographic erase
  page.writeUInt16LE(1, 534); // OCFS: format 0 of the ranges
}

async function attach(): Promise<void> {
  controller = await local.env.attach(local.id(nqn, proxy.port), { ioQueues: 1 });
  ns = controller.namespaces[0] as Namespace;
}

beforeEach(async () => {
  [answers, ioOpcodes, shape] = [[], [], () => {}];
  ({ proxy, seen } = await answerCommands({
    targetPort: port,
    answer: (command, queue) => {
      const [opcode = 0] = command;
      const isLog = queue === 0 && opcode === getLogPage && logPages.includes(command.readUInt8(40));
      const taken = queue === 0 ? adminOpcodes.includes(opcode) : ioOpcodes.includes(opcode);
      return isLog || taken ? (answers.shift() ?? {}) : undefined;
    },
    identified: (command, page) => {
      const structure = command.readUInt8(40);
      if (structure === 1) announce(page);
      if (structure === 0) shape(page);
    },
  }));
});
afterEach(async () => {
  await controller?.detach();
  proxy.close();
});

/** Opcode, namespace, and dwords 10 to 15 without the zeroes at their end. */
function told({ command }: Seen) {
  const dwords = [40, 44, 48, 52, 56, 60].map((at) => command.readUInt32LE(at));
  while (dwords.at(-1) === 0) dwords.pop();
  return [command.readUInt8(0), command.readUInt32LE(4), ...dwords];
}

const only = () => seen[0] as Seen;
/** A buffer of these bytes, followed by zeroes. */
const padded = (length: number, bytes: readonly number[]) => Buffer.concat([Buffer.from(bytes)], length);

describe('management', () => {
  beforeEach(attach);

  it.each<[string, () => Promise<unknown>, number[]]>([
    ['format', () => controller.management.format(1, { lbaFormat: 1 }), [0x80, 1, 0x11]],
    [
      'format with everything',
      () =>
        controller.management.format(everyNamespace, {
          lbaFormat: 0x12,
          metadata: 'separate',
          protectionType: 3,
          protectionPlace: 'first',
          secureErase: 'cryptographic',
        }),
      [0x80, everyNamespace, 0x1562],
    ],
    [
      'format that keeps the format',
      () => controller.management.format(1, { secureErase: 'user-data' }),
      [0x80, 1, 0x200],
    ],
    ['deleteNamespace', () => controller.management.deleteNamespace(7), [0x0d, 7, 1]],
    [
      'commitFirmware',
      () => controller.management.commitFirmware({ action: 'store', slot: 2 }),
      [0x10, 0, 2],
    ],
    [
      'commitFirmware and activate',
      () => controller.management.commitFirmware({ action: 'store-and-activate', slot: 3 }),
      [0x10, 0, 0xb],
    ],
    [
      'commitFirmware of a slot',
      () => controller.management.commitFirmware({ action: 'activate', slot: 7 }),
      [0x10, 0, 0x17],
    ],
    [
      'commitFirmware without a reset',
      () => controller.management.commitFirmware({ action: 'activate-now' }),
      [0x10, 0, 0x18],
    ],
    ['sanitize', () => controller.management.sanitize({ action: 'block-erase' }), [0x84, 0, 2]],
    ['sanitize the key', () => controller.management.sanitize({ action: 'crypto-erase' }), [0x84, 0, 4]],
    ['exit-failure', () => controller.management.sanitize({ action: 'exit-failure' }), [0x84, 0, 1]],
    [
      'sanitize by overwriting',
      () =>
        controller.management.sanitize({
          action: 'overwrite',
          passes: 16,
          pattern: 0xdead_beef,
          invertPattern: true,
          noDeallocate: true,
          allowUnrestrictedExit: true,
        }),
      [0x84, 0, 0x30b, 0xdead_beef],
    ],
    ['selfTest', () => controller.management.selfTest('short'), [0x14, everyNamespace, 1]],
    ['selfTest of a kind', () => controller.management.selfTest('extended', { nsid: 1 }), [0x14, 1, 2]],
    ['the end of a selfTest', () => controller.management.selfTest('abort', { nsid: 0 }), [0x14, 0, 0xf]],
  ])('%s', async (_, call, command) => {
    await call();
    expect(seen.map(told)).toEqual([command]);
    expect(only().data).toHaveLength(0);
  });

  it('createNamespace', async () => {
    answers = [{ dword0: 7 }];
    const made = controller.management.createNamespace({
      blocks: 2 ** 32 + 1,
      capacityBlocks: 2 ** 32,
      lbaFormat: 0x21,
      protectionType: 2,
      protectionPlace: 'first',
      shared: true,
    });
    expect(await made).toBe(7);
    expect(seen.map(told)).toEqual([[0x0d, 0]]);
    const sizes = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    const rest = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x51, 0, 0, 0x0a, 1];
    expect(only().data.equals(padded(4096, [...sizes, ...rest]))).toBe(true);
  });

  it('attachNamespace and detachNamespace', async () => {
    await controller.management.attachNamespace(7, { controllers: [0x109, 2, 2] });
    await controller.management.detachNamespace(7);
    expect(seen.map(told)).toEqual([
      [0x15, 7],
      [0x15, 7, 1],
    ]);
    const own = [1, 0, controller.info.cntlid & 0xff, controller.info.cntlid >> 8];
    expect(seen.map(({ data }) => data)).toEqual([padded(4096, [2, 0, 2, 0, 9, 1]), padded(4096, own)]);
  });

  it('downloadFirmware, in pieces', async () => {
    const image = randomBytes(131_072 + 4_104);
    await controller.management.downloadFirmware(image, { offset: 4096 });
    expect(seen.map(told)).toEqual([
      [0x11, 0, 0x7fff, 0x400],
      [0x11, 0, 0x401, 0x8400],
    ]);
    expect(Buffer.concat(seen.map(({ data }) => data)).equals(image)).toBe(true);
  });

  it('the statuses of commitFirmware say what is to follow', async () => {
    const commit = () => controller.management.commitFirmware({ action: 'store-and-activate' });
    answers = [0x0b, 0x10, 0x11, 0x07].map((sc) => ({ status: { sct: 1, sc } }));
    expect([await commit(), await commit(), await commit()]).toEqual([
      'conventional-reset',
      'subsystem-reset',
      'controller-reset',
    ]);
    await expect(commit()).rejects.toMatchObject({
      code: 'ERR_SPDK_IO_FAILED',
      nvmeStatus: { sct: 1, sc: 7 },
    });
  });

  it('sanitizeLog', async () => {
    const head = [0x00, 0x80, 0x1a, 0x01, 0x0b, 0x03, 0, 0, 100, 0, 0, 0, 255, 255, 255, 255];
    answers = [{ data: padded(512, head) }];
    expect(await controller.management.sanitizeLog()).toEqual({
      state: 'in-progress',
      progress: 0.5,
      overwritePasses: 3,
      globalDataErased: true,
      cdw10: 0x30b,
      estimatedSeconds: { overwrite: 100, blockErase: undefined, cryptoErase: 0 },
    });
    expect(told(only()).slice(2)).toEqual([0x007f_0081]);
  });

  it('selfTestLog', async () => {
    const page = padded(564, [2, 55]);
    for (let at = 4; at < page.length; at += 28) page.writeUInt8(0xf, at);
    page.set([0x17, 3, 3, 0, 8, 7, 6, 5, 4, 3, 2, 1, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0], 4);
    answers = [{ data: page }];
    const { running, completedPercent, results } = await controller.management.selfTestLog();
    expect([running, completedPercent]).toEqual(['extended', 55]);
    expect(results).toMatchObject([
      {
        result: 'failed-segments',
        test: 'short',
        segment: 3,
        powerOnHours: 0x0102_0304_0506_0708n,
        nsid: 1,
        failingBlock: 0x1_0000_0002n,
      },
    ]);
    expect(told(only()).slice(2)).toEqual([0x008c_0006]);
  });
});

describe('I/O', () => {
  it('writeUncorrectable', async () => {
    ioOpcodes = [0x04];
    await attach();
    await ns.writeUncorrectable({ offset: 5 * 512, length: 3 * 512 });
    expect(seen.map(told)).toEqual([[0x04, 1, 5, 0, 2]]);
    answers = [{ status: { sct: 1, sc: 0x82 } }];
    await expect(ns.writeUncorrectable({ offset: 0, length: 512 })).rejects.toMatchObject({
      code: 'ERR_SPDK_IO_FAILED',
      nvmeStatus: { sct: 1, sc: 0x82 },
    });
  });

  it('copy', async () => {
    ioOpcodes = [0x19];
    shape = (page) => {
      page.writeUInt16LE(64, 74); // MSSRL
      page.writeUInt32LE(128, 76); // MCL
      page.writeUInt8(1, 80); // MSRC: two ranges
    };
    await attach();
    expect(ns.copyLimits).toEqual({ ranges: 2, rangeBlocks: 64, blocks: 128 });
    const sources = [
      { offset: 0, length: 1024 },
      { offset: 0x103 * 512, length: 64 * 512 },
    ];
    await ns.copy(sources, { offset: 512 * 512 });
    expect(seen.map(told)).toEqual([[0x19, 1, 512, 0, 1]]);
    const first = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const second = [0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 63];
    expect(only().data).toEqual(Buffer.concat([padded(32, first), padded(32, second)]));
  });

  it.each([1, 2, 3])('protection of type %i, which the controller makes and checks', async (type) => {
    ioOpcodes = [0x01, 0x02];
    shape = (page) => {
      page.writeUInt8(0b1_0000, 26); // FLBAS: format 0, interleaved
      page.writeUInt8(1, 27); // MC: interleaved
      page.writeUInt8(0b1_0111, 28); // DPC: all types, in the last bytes
      page.writeUInt8(type, 29); // DPS
      page.writeUInt16LE(8, 128); // format 0: 8 bytes of metadata
    };
    await attach();
    expect(ns).toMatchObject({ metadataSize: 8, metadata: 'interleaved', protection: { type } });
    const data = randomBytes(2 * 512);
    const tags = { applicationTag: 0x1234, applicationTagMask: 0xff0f };
    const protection = { by: 'controller', referenceTag: 9, ...tags } as const;
    const act = 1 << 29;
    const checks = (1 << 28) | (1 << 27) | (type === 3 ? 0 : 1 << 26);
    // PRACT with nothing but protection information in the metadata: the blocks are transferred without it.
    await ns.write(data, { offset: 9 * 512, protection });
    answers = [{ data }];
    expect((await ns.read(Buffer.alloc(2 * 512), { offset: 9 * 512, protection })).equals(data)).toBe(true);
    const rest = [9, 0, (act | checks | 1) >>> 0, 0, 9, 0xff0f_1234];
    expect(seen.map(told)).toEqual([
      [0x01, 1, ...rest],
      [0x02, 1, ...rest],
    ]);
    expect(only().data.equals(data)).toBe(true);
    answers = [{ status: { sct: 2, sc: 0x82 } }];
    await expect(ns.read(Buffer.alloc(512), { offset: 9 * 512, protection })).rejects.toMatchObject({
      code: 'ERR_SPDK_PROTECTION',
      nvmeStatus: { sct: 2, sc: 0x82 },
    });
  });
});
