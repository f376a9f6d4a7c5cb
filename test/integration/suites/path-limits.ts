// One disk over two paths whose controllers take commands of different lengths (MDTS): reads and writes of any length over both, also while
// one of them is lost.

import { randomBytes, randomInt } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { open } from '../../../lib/file/index.js';
import {
  Environment,
  type Subsystem,
  type SubsystemNamespace,
  type SubsystemPath,
} from '../../../lib/index.js';
import { codeOf, eventually } from '../support/timing.js';

/** What the targets must have for these tests: a disk of 32 MiB and more, with blocks of 512 bytes. */
export interface LimitedPaths {
  readonly ids: readonly [string, string];
  /** The MDTS of each in bytes. */
  readonly bytes: readonly [number, number];
  /** Ends the connections of a path. */
  readonly lose: (path: SubsystemPath, i: number) => Promise<unknown>;
  /** Lets it connect again. */
  readonly giveBack: (i: number) => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
}

const workers = 8;
const regionBytes = 2 << 20;
const longest = 1 << 20;
const streamBytes = 8 << 20;
const upMs = 20_000;

/** @param operations the number of operations before and after each change */
export function describePathLimits(
  name: string,
  operations: number,
  start: () => Promise<LimitedPaths>,
): void {
  describe(name, () => {
    let paths: LimitedPaths;
    let env: Environment;
    let subsystem: Subsystem | undefined;
    let load: MixedLoad | undefined;

    beforeAll(async () => {
      paths = await start();
      env = await Environment.init({ pollers: 1, memoryMb: 128 });
    });
    afterEach(async () => {
      // A load that has failed may wait for a path.
      await Promise.all([load?.stop(), subsystem?.detach({ drainMs: 100 })]);
    });
    afterAll(async () => {
      await env?.close();
      await paths?.stop();
    });

    async function attach(options: Parameters<Environment['attachSubsystem']>[1]) {
      const attached = await env.attachSubsystem(paths.ids, { reconnectDelayMs: 100, ...options });
      subsystem = attached;
      expect(await allUp(attached)).toBe(true);
      const mdts = attached.paths.map(({ controller }) => controller?.info.maxTransferBytes);
      expect(mdts).toEqual(paths.bytes);
      return { subsystem: attached, ns: attached.namespaces[0] as SubsystemNamespace };
    }

    it.each([
      ['active-passive', 'threads'],
      ['active-active', 'inline'],
      ['active-active', 'adaptive'],
    ] as const)(
      '%s, polled by %s: data of any length, whichever path is lost meanwhile',
      async (policy, polling) => {
        const { subsystem, ns } = await attach({ policy, polling });
        const running = new MixedLoad(ns, paths.bytes);
        load = running;
        for (const [i, path] of subsystem.paths.entries()) {
          if (policy === 'active-passive') subsystem.prefer(path);
          await running.progress(operations);
          const { failedOver } = path.stats();
          // Again if nothing was on the way: the slower path may have had it all.
          for (let round = 0; round < 20 && path.stats().failedOver === failedOver; round++) {
            await paths.lose(path, i);
            await running.progress(operations);
            await paths.giveBack(i);
            expect(await allUp(subsystem)).toBe(true);
          }
          expect(path.stats().failedOver).toBeGreaterThan(failedOver);
        }
        await running.progress(operations);
        await running.expectClean();
      },
    );

    it('streams and a file go on when the path in use is lost', async () => {
      const { subsystem, ns } = await attach({ policy: 'active-passive' });
      const data = randomBytes(streamBytes);
      const at = { startBytes: 700, endBytes: 700 + streamBytes };
      const halfway = async () => {
        const [path] = subsystem.pathsOf(ns) as [SubsystemPath];
        const i = subsystem.paths.indexOf(path);
        await paths.lose(path, i);
        return i;
      };
      const giveBack = async (i: number) => {
        await paths.giveBack(i);
        expect(await allUp(subsystem)).toBe(true);
      };
      let lost = -1;
      async function* chunks() {
        yield data.subarray(0, streamBytes / 2);
        lost = await halfway();
        yield data.subarray(streamBytes / 2);
      }
      await pipeline(chunks, ns.createWriteStream(at));
      await giveBack(lost);

      const read: Buffer[] = [];
      let left = streamBytes / 2;
      for await (const chunk of ns.createReadStream(at)) {
        read.push(Buffer.from(chunk));
        if (left > 0 && chunk.length >= left) lost = await halfway();
        left -= chunk.length;
      }
      expect(Buffer.concat(read).equals(data)).toBe(true);

      const file = await open(ns);
      const { buffer } = await file.read(Buffer.alloc(1_000), 0, 1_000, 699);
      expect(buffer.subarray(1).equals(data.subarray(0, 999))).toBe(true);
      await file.write(data, 1_000, 200_001, 333);
      const written = await file.read(Buffer.alloc(200_001), 0, 200_001, 333);
      expect(written.buffer.equals(data.subarray(1_000, 201_001))).toBe(true);
      await file.close();
      await giveBack(lost);
    });

    it('one command is as long as both take, over either', async () => {
      const { subsystem, ns } = await attach({ policy: 'active-passive' });
      const least = Math.min(...paths.bytes);
      const raw = (bytes: number) =>
        ns.raw({ opcode: 0x02, cdw: [0, 0, bytes / 512 - 1], data: Buffer.alloc(bytes) });
      for (const path of subsystem.paths) {
        subsystem.prefer(path);
        expect(await codeOf(raw(least), 'ok')).toBe('ok');
        const { sent } = path.stats();
        expect(await codeOf(raw(least + 512))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
        expect(path.stats().sent).toBe(sent);
      }
    });
  });
}

function allUp({ paths }: Subsystem): Promise<boolean> {
  return eventually(upMs, () => paths.every(({ state }) => state === 'up'));
}

/** Writes and reads of random lengths at random places, each worker in a region of its own, of which it knows every byte. */
class MixedLoad {
  readonly #ns: SubsystemNamespace;
  readonly #lengths: readonly number[];
  readonly #workers: readonly Promise<void>[];
  readonly #findings: string[] = [];
  #stopped = false;
  #done = 0;

  constructor(ns: SubsystemNamespace, limits: readonly number[]) {
    this.#ns = ns;
    this.#lengths = [512, ...limits.flatMap((limit) => [limit - 512, limit, limit + 512]), longest];
    this.#workers = Array.from({ length: workers }, (_, i) => this.#work(i));
  }

  async progress(count: number): Promise<void> {
    const goal = this.#done + count;
    await eventually(60_000, () => this.#done >= goal || this.#findings.length > 0);
    expect(this.#findings).toEqual([]);
    expect(this.#done).toBeGreaterThanOrEqual(goal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async expectClean(): Promise<void> {
    await this.stop();
    expect(this.#findings).toEqual([]);
  }

  async #work(index: number): Promise<void> {
    const begin = index * regionBytes;
    const model = Buffer.alloc(regionBytes);
    const ns = this.#ns;
    const check = (what: string, read: Buffer, at: number) => {
      if (!read.equals(model.subarray(at, at + read.length)))
        this.#findings.push(`${what}: other data at ${begin + at}, ${read.length} bytes`);
    };
    try {
      await ns.write(model, { offset: begin });
      for (let round = 1; !this.#stopped; round++) {
        const length = this.#length();
        const at = 512 * randomInt((regionBytes - length) / 512 + 1);
        // Each block names its worker and round, and its place.
        const data = model.subarray(at, at + length);
        for (let block = 0; block < length; block += 512)
          data.fill(`${index} ${round} ${at + block} `, block, block + 512);
        const offset = begin + at;
        if (round % 2 === 0) await ns.write(data, { offset });
        else await ns.writev([data.subarray(0, length - 300), data.subarray(length - 300)], { offset });
        check('after the write', await ns.read(Buffer.alloc(length), { offset }), at);
        const other = this.#length();
        const from = 512 * randomInt((regionBytes - other) / 512 + 1);
        const parts = await ns.readv([Buffer.alloc(200), Buffer.alloc(other - 200)], {
          offset: begin + from,
        });
        check('beside it', Buffer.concat(parts), from);
        this.#done++;
      }
      check('at the end', await ns.read(Buffer.alloc(regionBytes), { offset: begin }), 0);
    } catch (error) {
      this.#findings.push(String(error));
    }
  }

  #length(): number {
    const random = 512 * (1 + randomInt(longest / 512));
    return this.#lengths[randomInt(2 * this.#lengths.length)] ?? random;
  }
}
