// What controllers say of a namespace over two paths to nvmf_tgt: proxies change its identifiers, and its ANA state, in a log that is
// longer than one command.

import { afterEach, describe, expect, it } from 'vitest';
import type { Subsystem, SubsystemNamespace } from '../../lib/index.js';
import { limits } from '../integration/support/limits.js';
import { eventually } from '../integration/support/timing.js';
import { type AnsweringOptions, answerCommands } from './answering-proxy.js';
import { localTarget } from './local-target.js';
import type { PduProxy } from './proxy.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:identify';
const port = 4498;
const local = localTarget({
  port: String(port),
  subsystems: [{ nqn, serial: 'IDENTIFY', disk: { kind: 'malloc', sizeMb: 16, blockSize: 512 } }],
  environment: { pollers: 1 },
});

const proxies: PduProxy[] = [];
let subsystem: Subsystem;
const only = () => subsystem.namespaces[0] as SubsystemNamespace;
const states = () => subsystem.paths.map(({ state }) => state).join();

/** Attaches over two proxies, of which each does its part. */
async function attach(sides: readonly Omit<AnsweringOptions, 'targetPort'>[]): Promise<void> {
  for (const side of sides) proxies.push((await answerCommands({ ...side, targetPort: port })).proxy);
  const ids = proxies.map((proxy) => local.id(nqn, proxy.port));
  subsystem = await local.env.attachSubsystem(ids, { reconnectDelayMs: 100, ioQueues: 1 });
  expect(await eventually(limits.attach, () => states() === 'up,up')).toBe(true);
}
afterEach(async () => {
  await subsystem?.detach();
  for (const proxy of proxies.splice(0)) proxy.close();
});

/** Identifiers as hexadecimal digits; none if empty. */
interface Ids {
  readonly nguid?: string;
  readonly eui64?: string;
}

/** Gives the namespace these identifiers, and no UUID. */
function withIds({ nguid = '', eui64 = '' }: Ids): Omit<AnsweringOptions, 'targetPort'> {
  const descriptor = (kind: number, digits: string) =>
    digits === '' ? [] : [Buffer.from([kind, digits.length / 2, 0, 0]), Buffer.from(digits, 'hex')];
  return {
    answer: () => undefined,
    identified: (command, page) => {
      const structure = command.readUInt8(40);
      if (structure === 0) {
        page.fill(0, 104, 128);
        page.set(Buffer.from(nguid, 'hex'), 104);
        page.set(Buffer.from(eui64, 'hex'), 120);
      }
      if (structure === 3)
        page.fill(0).set(Buffer.concat([...descriptor(1, eui64), ...descriptor(2, nguid)]));
    },
  };
}

describe('a namespace without a UUID', () => {
  it.each<[string, Ids, string]>([
    ['the EUI-64', { eui64: '0025380011223344' }, 'eui.0025380011223344'],
    ['the NGUID', { nguid: '00112233445566778899aabbccddeeff' }, 'eui.00112233445566778899aabbccddeeff'],
  ])('is one over both paths by %s alone', async (_, ids, deviceId) => {
    await attach([withIds(ids), withIds(ids)]);
    expect(subsystem.namespaces).toHaveLength(1);
    expect(only()).toMatchObject({ uuid: '', nguid: '', eui64: '', ...ids, deviceId });
    expect(subsystem.pathsOf(only())).toHaveLength(2);
    await only().write(Buffer.alloc(512, 7), { offset: 0 });
    proxies[subsystem.pathsOf(only())[0] === subsystem.paths[0] ? 0 : 1]?.accept(false);
    expect((await only().read(Buffer.alloc(512), { offset: 0 })).equals(Buffer.alloc(512, 7))).toBe(true);
  });

  it('is not reached over a path that has another EUI-64', async () => {
    await attach([withIds({ eui64: '0025380011223344' }), withIds({ eui64: '0025380011223345' })]);
    const [first] = subsystem.namespaces as readonly [SubsystemNamespace];
    const used = subsystem.pathsOf(first);
    expect(used).toHaveLength(1);
    proxies[used[0] === subsystem.paths[0] ? 0 : 1]?.accept(false);
    await expect(first.read(Buffer.alloc(512), { offset: 0, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'ERR_SPDK_TIMEOUT',
    });
  });
});

describe('the ANA log', () => {
  const groups = 1024;
  const [headerBytes, groupBytes] = [16, 32];
  const getLogPage = 0x02;
  const anaPage = 0x0c;
  const states = { optimized: 1, inaccessible: 3 } as const;

  /** A log of many groups, of which the last one has the namespace. */
  function logOf(count: number, state: number): Buffer {
    const log = Buffer.alloc(headerBytes + groups * groupBytes + 4096);
    log.writeBigUInt64LE(BigInt(count), 0);
    log.writeUInt16LE(groups, 8);
    for (let group = 0; group < groups; group++) {
      const at = headerBytes + group * groupBytes;
      log.writeUInt32LE(group + 1, at);
      log.writeUInt8(states.optimized, at + 16);
    }
    const last = headerBytes + (groups - 1) * groupBytes;
    log.writeUInt32LE(1, last + 4);
    log.writeUInt8(state, last + 16);
    log.writeUInt32LE(1, last + groupBytes);
    return log;
  }

  /** The pieces that are read. The log becomes another one, with another count, while the piece of this number is read. */
  function withLog(pieces: { offset: number; length: number }[], state: number, changesAt: number) {
    return {
      answer: (command: Buffer, queue: number) => {
        if (queue !== 0 || command[0] !== getLogPage || command[40] !== anaPage) return undefined;
        const offset = command.readUInt32LE(48);
        const length = 4 * (command.readUInt16LE(42) + 1 + command.readUInt16LE(44) * 0x1_0000);
        pieces.push({ offset, length });
        const log = pieces.length > changesAt ? logOf(2, state) : logOf(1, states.optimized);
        return { data: Buffer.concat([log.subarray(offset)], length) };
      },
      identified: (command: Buffer, page: Buffer) => {
        if (command[40] === 0) page.writeUInt32LE(groups, 92); // ANAGRPID
        if (command[40] !== 1) return;
        page.writeUInt8(page.readUInt8(76) | 8, 76); // CMIC: reports ANA
        page.writeUInt8(1, 77); // MDTS: 8 KiB
        page.writeUInt8(page.readUInt8(261) | 4, 261); // LPA: offsets
        page.writeUInt8(10, 342); // ANATT
        page.writeUInt8(0x1f, 343); // ANACAP: every state
        page.writeUInt32LE(groups, 344); // ANAGRPMAX
        page.writeUInt32LE(groups, 348); // NANAGRPID
      },
    };
  }

  it('is read in pieces, and again if it has changed meanwhile', async () => {
    const reads: [{ offset: number; length: number }[], { offset: number; length: number }[]] = [[], []];
    await attach([
      withLog(reads[0], states.inaccessible, 3),
      withLog(reads[1], states.optimized, Number.POSITIVE_INFINITY),
    ]);
    expect(subsystem.paths.map((path) => path.ana(1))).toEqual(['inaccessible', 'optimized']);
    expect(subsystem.pathsOf(only())).toEqual([subsystem.paths[1]]);
    await only().write(Buffer.alloc(512), { offset: 0 });
    // Five pieces between two reads of the count, once more where it was not the same.
    const offsets = reads.map((pieces) => pieces.map(({ offset }) => offset));
    const once = [0, 0, 8192, 16_384, 24_576, 32_768, 0];
    expect(offsets).toEqual([[...once, ...once], once]);
  });
});
