// Random steps of I/O for a target in memory and SPDK's own.

import type { Random } from '../../scripts/testing/random.js';
import { argumentsOf } from './beside-arguments.js';
import { drawAdmin, drawBatch } from './beside-queues.js';
import { drawFile, drawStream } from './beside-streams.js';
import type { IoBench, Step } from './beside-words.js';

/** A step of I/O, good or bad. */
export function drawIo(random: Random, bench: IoBench): Step {
  const { ns } = bench;
  const { bytes } = ns;
  const { length, whole, usually, view, offset, options, flagged } = argumentsOf(random, bench);
  const text = random.pick(['a', 'b', 'c', 'd']);
  const size = usually(whole(), length());
  const at = offset(size);
  const steps: (() => Step)[] = [
    () => {
      const [words, target] = view(size, 'z');
      const [more, given] = flagged();
      return [`read ${words} at ${at} ${more}`, () => ns.read(target, { offset: at, ...given } as never)];
    },
    () => {
      const [words, source] = view(size, text);
      const [more, given] = flagged();
      return [
        `write ${words} ${text} at ${at} ${more}`,
        () => ns.write(source, { offset: at, ...given } as never),
      ];
    },
    () => {
      const few = usually(512, 0, 700);
      const [words, one] = view(few, text);
      const [more, two] = view(usually(few, 512), 'e');
      const [last, given] = flagged();
      return [
        `compareAndWrite ${words} ${text} and ${more} at ${at} ${last}`,
        () => ns.compareAndWrite(one, two, { offset: at, ...given } as never),
      ];
    },
    () => {
      const count = usually(1 + random.below(5), 0, 40);
      const pieces = Array.from({ length: count }, () =>
        view(usually(512 * (1 + random.below(4)), length() % 5000, 0), text),
      );
      const total = pieces.reduce((sum, [, one]) => sum + one.byteLength, 0);
      if (random.below(2) > 0 && total % 512 > 0) pieces.push(view(512 - (total % 512), text));
      const [last, given] = flagged();
      const views = pieces.map(([, one]) => one);
      const place = offset(total);
      const name = random.pick(['readv', 'writev'] as const);
      return [
        `${name} ${pieces.map(([words]) => words).join(' + ')} at ${place} ${last}`,
        () => ns[name](views, { offset: place, ...given } as never),
      ];
    },
    () => {
      const [more, given] = options();
      return [`flush ${more}`, () => ns.flush(given as never)];
    },
    () => {
      const name = random.pick(['writeZeroes', 'writeZeroes', 'deallocate'] as const);
      const range = usually(whole(), 0, 1, bytes, 2 ** 41, 2 ** 53, -1, length());
      const [more, given] = options();
      return [
        `${name} ${range} at ${at} ${more}`,
        async () => {
          const done = await ns[name]({ offset: at, length: range, ...given } as never);
          if (name === 'deallocate') await ns.writeZeroes({ offset: at, length: range });
          return done;
        },
      ];
    },
    () => drawStream(random, bench),
    () => drawStream(random, bench),
    () => drawFile(random, bench),
    () => drawBatch(random, bench),
    () => drawAdmin(random, ns),
  ];
  return random.pick(steps)();
}
