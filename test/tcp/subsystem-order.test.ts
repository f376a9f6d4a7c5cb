// Writes of the same blocks that one caller begins without waiting, over two paths whose targets are killed: the last one stays.

import { expect, it } from 'vitest';
import type { SubsystemNamespace } from '../../lib/index.js';
import { isUp, only, twoTargets, until } from './two-targets.js';

const two = twoTargets({ nqn: 'nqn.2026-11.dev.spdk-nvme:order' });
const blockSize = 512;
/** Each lane has a part of the disk for itself. */
const lanes = 4;
const laneBlocks = 640;
const writesInRound = 16;
/** Some writes need several commands. */
const lengths = [1, 8, 24, 300, 640];

/** Writes rounds of overlapping ranges, each write with a number of its own, and reads every round back. */
class OverlappingWrites {
  rounds = 0;
  #stopped = false;
  readonly #ended: Promise<unknown>;

  constructor(namespace: SubsystemNamespace) {
    this.#ended = Promise.all(Array.from({ length: lanes }, (_, lane) => this.#work(namespace, lane)));
    // A failure is that of the test, which awaits the end; until then it must not end the process.
    this.#ended.catch(() => {
      this.#stopped = true;
    });
  }

  async progress(rounds: number): Promise<void> {
    const goal = this.rounds + rounds;
    await until(() => this.rounds >= goal || this.#stopped);
  }

  async expectClean(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #work(namespace: SubsystemNamespace, lane: number): Promise<void> {
    const start = lane * laneBlocks * blockSize;
    const expected = Buffer.alloc(laneBlocks * blockSize);
    await namespace.write(expected, { offset: start });
    for (let number = 1; !this.#stopped; this.rounds++) {
      const writes = Array.from({ length: writesInRound }, () => {
        const blocks = lengths[Math.floor(Math.random() * lengths.length)] as number;
        const offset = Math.floor(Math.random() * (laneBlocks - blocks + 1)) * blockSize;
        const data = Buffer.alloc(blocks * blockSize, `${lane}.${number++}`.padEnd(8));
        expected.set(data, offset);
        return namespace.write(data, { offset: start + offset });
      });
      await Promise.all(writes);
      const stored = await namespace.read(Buffer.alloc(expected.byteLength), { offset: start });
      if (stored.equals(expected)) continue;
      for (let at = 0; at < expected.byteLength; at += 8) {
        const [there, last] = [stored, expected].map((all) => all.toString('latin1', at, at + 8));
        if (there !== last)
          expect.fail(`byte ${at} of lane ${lane} has ${there}, and ${last} was written last`);
      }
    }
  }
}

it.each(['threads', 'inline'] as const)(
  'with polling %s the last write of each block stays, whichever path is lost',
  async (polling) => {
    await using subsystem = await two.attach({ policy: 'active-active', polling });
    const writes = new OverlappingWrites(only(subsystem));
    for (const i of [0, 1]) {
      await writes.progress(20);
      await two.stop(i, 'SIGKILL');
      await until(() => subsystem.paths[i]?.state === 'reconnecting');
      await writes.progress(20);
      await two.start(i);
      await until(() => isUp(subsystem, i));
    }
    await writes.progress(20);
    await writes.expectClean();
    expect(subsystem.paths.every((path) => path.stats().failedOver > 0)).toBe(true);
  },
);
