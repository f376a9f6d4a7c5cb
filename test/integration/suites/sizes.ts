import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Controller, Environment, type Namespace } from '../../../lib/index.js';
import { pollings } from '../support/each-polling.js';
import { readBacking } from './backing.js';
import { bytesOf, depths, type SizesCase, sizesPlan, type Way } from './sizes-plan.js';
import { transfers } from './transfers.js';

/** What a target must have for these tests: a namespace of 64 MiB that can be read from outside. */
export interface SizesTarget {
  readonly transportId: string;
  /** The block device or file behind namespace 1. */
  readonly backing: string;
  readonly stop: () => Promise<void>;
}

/** Bytes of one read that bypasses the interface under test: its buffer is DMA memory. */
const window = 4 << 20;

/** Transfers of all sizes, for any target. The plan says which are left out, and `longest` what is made of 60 MiB. */
export function describeSizes(
  name: string,
  start: () => Promise<SizesTarget>,
  longest?: readonly Way[],
): void {
  const plan = sizesPlan(longest);
  const groups = pollings.flatMap((polling) =>
    depths.map((depth) => ({
      polling,
      depth,
      cases: plan.filter((entry) => entry.polling === polling && entry.depth === depth),
    })),
  );

  describe(name, () => {
    let target: SizesTarget;
    let env: Environment;
    let random: Buffer;

    beforeAll(async () => {
      target = await start();
      env = await Environment.init({ pollers: 1, memoryMb: 192 });
      random = randomBytes(61 << 20);
    });
    afterAll(async () => {
      await env?.close();
      await target?.stop();
    });

    /** The first offset at which the disk differs from this data; -1 if there is none. */
    function diskDiffersAt(content: Buffer, offset: number): number {
      for (let at = 0; at < content.length; at += window) {
        const part = content.subarray(at, at + window);
        const found = differsAt(readBacking(env, target.backing, offset + at, part.length), part);
        if (found >= 0) return at + found;
      }
      return -1;
    }

    async function check(ns: Namespace, { way, length }: SizesCase, number: number): Promise<void> {
      const { blockSize } = ns;
      const bytes = bytesOf(length, ns.controller.info.maxTransferBytes, blockSize);
      // Each case has data and a place of its own; what an earlier one left there does not pass for its data.
      const content = random.subarray(1 + 1009 * number).subarray(0, bytes);
      const offset = (1 + number) * blockSize;
      const neighbours = [offset - blockSize, offset + bytes] as const;
      const before = neighbours.map((at) => readBacking(env, target.backing, at, blockSize));
      const transfer = transfers(env, ns)[way];

      await transfer.write(content, offset);
      await ns.flush();
      expect.soft(diskDiffersAt(content, offset), 'the byte that was written wrong').toBe(-1);
      for (const [i, at] of neighbours.entries()) {
        expect.soft(diskDiffersAt(before[i] as Buffer, at), 'a byte written beside the range').toBe(-1);
      }
      const read = await transfer.read(bytes, offset);
      expect(differsAt(read, content), 'the byte that was read wrong').toBe(-1);
    }

    describe.each(groups)('polled by $polling, $depth commands deep', ({ polling, depth, cases }) => {
      let controller: Controller;

      beforeAll(async () => {
        controller = await env.attach(target.transportId, {
          polling,
          ioQueues: 1,
          queueDepth: depth,
          ioTimeoutMs: 40_000,
          timeoutMs: 30_000,
        });
      });
      afterAll(async () => {
        await controller?.detach();
      });

      it.each(cases)('$length: $way', (entry) =>
        check(controller.namespaces[0] as Namespace, entry, plan.indexOf(entry)),
      );
    });
  });
}

function differsAt(one: Buffer, other: Buffer): number {
  return one.equals(other) ? -1 : one.findIndex((byte, i) => byte !== other[i]);
}
