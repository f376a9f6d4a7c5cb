// Metadata and protection information with nvmf_tgt, whose null disks check what they are written and make what they are read. They keep
// no data; test/unit/metadata.test.ts has a target that does.

import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DmaBuffer, Environment, type Namespace, spdkVersion } from '../../../lib/index.js';
import { crc16T10Dif } from '../../../lib/testing/crc16.js';
import { listenerId, type TargetListener } from '../../../scripts/target/config.js';
import { ensureHugepages } from '../../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../../scripts/target/spdk-target.js';
import { codeOf } from '../support/timing.js';

export const blockSize = 512;

export interface MetadataKind {
  readonly size: number;
  readonly protectionType: 1 | 2 | 3;
  readonly first: boolean;
}

/** Its disk may also have metadata without protection information. */
type Kind = Pick<MetadataKind, 'size'> & { protectionType: 0 | 1 | 2 | 3; first?: boolean };

const unprotected = { size: 8, protectionType: 0 as const };
const nameOf = ({ size, protectionType, first }: Kind) =>
  `nqn.2026-11.dev.spdk-nvme:type${protectionType}-${size}-${first ? 'first' : 'last'}`;

const { major, minor } = spdkVersion();
/** Targets of other releases check it, and do not announce it. */
export const announces = major * 100 + minor < 2209 || major >= 25;

/**
 * @param kinds of protection information, each with a disk of its own
 * @returns attaches one of these disks, for further tests
 */
export function describeMetadata(
  listener: TargetListener,
  kinds: readonly MetadataKind[],
): (kind: MetadataKind) => Promise<Namespace> {
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
    ensureHugepages(256);
    env = await Environment.init({ memoryMb: 128, pollers: 1 });
  });
  afterAll(async () => {
    await env?.close();
    await target?.stop('SIGKILL');
  });

  async function attach(kind: Kind): Promise<Namespace> {
    const controller = await env.attach(listenerId(listener, nameOf(kind)), { timeoutMs: 30_000 });
    return controller.namespaces[0] as Namespace;
  }

  describe.each(kinds)(
    'protection information of type $protectionType, $size bytes, first: $first',
    (kind) => {
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

        // Data that arrives with other tags than the expected ones.
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
    },
  );

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

  return attach;
}
