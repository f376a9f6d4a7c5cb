// Random steps of streams and files for a target in memory and SPDK's own.

import { open } from '../../lib/file/index.js';
import type { Random } from '../../scripts/testing/random.js';
import { argumentsOf } from './beside-arguments.js';
import { type IoBench, type Step, shown, streamWords } from './beside-words.js';

/** A stream, read to its end or left in the middle. */
export function drawStream(random: Random, bench: IoBench): Step {
  const { ns } = bench;
  const { bytes } = ns;
  const { usually, view, options } = argumentsOf(random, bench);
  const text = random.pick(['a', 'b', 'c', 'd']);
  return random.pick<() => Step>([
    () => {
      const [start, end] = [
        usually(random.below(bytes), 0, bytes, bytes + 1, -1),
        usually(undefined, random.below(bytes), 0, 1.5),
      ];
      const plan = {
        startBytes: start,
        endBytes: end,
        chunkBytes: usually(4096 * (8 + random.below(40)), 512, 1000, 0, 1 << 27),
        concurrency: usually(1 + random.below(4), 64, 0),
        reuseAfterChunks: usually(undefined, 1, 0),
      };
      const leaveAfter = usually(1_000_000, 0, 1, 3);
      const how = random.pick(['destroy', 'destroy with', 'loop', 'abort']);
      const aborting = new AbortController();
      const [more, given] = usually<[string, object]>(['', { signal: aborting.signal }], options());
      return [
        `read stream ${shown(plan)} ${how} after ${leaveAfter} ${more}`,
        async () => {
          const stream = ns.createReadStream({ ...plan, ...given } as never);
          let chunks = 0;
          const lost: string[] = [];
          if (how === 'loop') {
            try {
              for await (const chunk of stream) {
                lost.push(shown(chunk));
                if (++chunks > leaveAfter) break;
              }
            } catch (error) {
              lost.push(shown(error));
            }
            return [lost, stream.destroyed, stream.readableEnded];
          }
          stream.on('data', () => {
            if (++chunks <= leaveAfter) return;
            if (how === 'destroy') stream.destroy();
            else if (how === 'abort') aborting.abort();
            else stream.destroy(new Error('left'));
          });
          const events = await streamWords(stream, ['data', 'end', 'error', 'close']);
          return [events, stream.destroyed, stream.readableEnded];
        },
      ];
    },
    () => {
      const plan = {
        startBytes: usually(random.below(bytes), bytes),
        endBytes: usually(undefined, random.below(bytes)),
        chunkBytes: usually(4096 * (8 + random.below(40)), 1000),
        concurrency: usually(1 + random.below(4), 65),
      };
      const leaveAfter = usually(1_000_000, 0, 1, 3);
      const [more, given] = options();
      return [
        `chunks ${shown(plan)} leave after ${leaveAfter} ${more}`,
        async () => {
          const got: string[] = [];
          for await (const chunk of ns.chunks({ ...plan, ...given } as never)) {
            got.push(shown(chunk));
            if (got.length > leaveAfter) break;
          }
          return got;
        },
      ];
    },
    () => {
      const plan = {
        startBytes: usually(random.below(bytes - 200_000), bytes - 1000, bytes),
        endBytes: usually(undefined, random.below(bytes)),
        chunkBytes: usually(4096 * (1 + random.below(40)), 512, 1000),
        concurrency: usually(1 + random.below(4), 64),
        flush: usually<unknown>(undefined, true, 'odd'),
      };
      const pieces = Array.from({ length: random.below(6) }, () =>
        view(usually(random.below(40_000), 0, 1, 512), text),
      );
      const [more, given] = options();
      const how = usually('end', 'destroy', 'destroy at end', 'abort');
      return [
        `write stream ${shown(plan)} of ${pieces.map(([words]) => words).join(' + ')} ${text} ${how} ${more}`,
        async () => {
          const aborting = new AbortController();
          const stream = ns.createWriteStream({ ...plan, signal: aborting.signal, ...given } as never);
          const events = streamWords(stream, ['finish', 'error', 'close']);
          const results: string[] = [];
          for (const [, piece] of pieces)
            await new Promise<void>((resolve) => {
              stream.once('close', resolve);
              try {
                stream.write(piece, (error) => {
                  results.push(error ? shown(error) : 'written');
                  resolve();
                });
              } catch (error) {
                results.push(shown(error));
                resolve();
              }
            });
          if (how === 'end') stream.end();
          else if (how === 'destroy') stream.destroy();
          else if (how === 'abort') aborting.abort();
          else {
            stream.end();
            stream.destroy();
          }
          const all = await events;
          const whole = all[0] === 'finish';
          // What a stream that fails has written is not defined.
          if (!whole) await ns.writeZeroes({ offset: 0, length: bytes });
          return [results, all, whole ? stream.bytesWritten : 'a part'];
        },
      ];
    },
  ])();
}

/** A method of a file. */
export function drawFile(random: Random, bench: IoBench): Step {
  const { ns } = bench;
  const { bytes } = ns;
  const { usually, view, options } = argumentsOf(random, bench);
  const text = random.pick(['a', 'b', 'c', 'd']);
  const position = usually(random.below(bytes), bytes, bytes - 100, bytes + 1, -1);
  const part = usually(random.below(20_000), 0, 1, 512);
  const [words, one] = view(part, text);
  const kind = random.pick([
    'read',
    'write',
    'readv',
    'writev',
    'text',
    'stat',
    'append',
    'readFile',
    'close',
    'sync',
    'streams',
  ]);
  const [more, given] = options();
  return [
    `file ${kind} ${words} at ${position} ${more}`,
    async () => {
      await using file = await open(ns, given as never);
      const results: unknown[] = [];
      switch (kind) {
        case 'read':
          results.push(await file.read(one, { position }), await file.read(one));
          break;
        case 'write':
          results.push(await file.write(one, { position }), await file.write(one));
          break;
        case 'readv':
          results.push(await file.readv([one], position));
          break;
        case 'writev':
          results.push(await file.writev([one, one], position));
          break;
        case 'text':
          results.push(await file.write(text.repeat(part), position));
          break;
        case 'stat':
          results.push(await file.stat());
          break;
        case 'append':
          await file.writeFile([Buffer.from('xyz'), 'text', Buffer.alloc(part, text)]);
          results.push(await file.read({ position: 0 }));
          break;
        case 'readFile':
          await file.read(Buffer.alloc(900_000));
          results.push(await file.readFile('latin1'));
          break;
        case 'close': {
          const reading = Promise.allSettled([file.read(one, { position: 3 }), file.readFile()]);
          const closing = file.close();
          results.push(await reading, await closing, await file.read(one).catch(shown));
          break;
        }
        case 'sync':
          results.push(await file.sync(), await file.datasync());
          break;
        default: {
          const reader = file.createReadStream({ start: 700, end: 5000, highWaterMark: 1000 });
          const writer = file.createWriteStream({ start: 6000 });
          reader.resume();
          writer.end(Buffer.alloc(part, text));
          results.push(
            await Promise.all([
              streamWords(reader, ['data', 'end', 'error', 'close']),
              streamWords(writer, ['finish', 'error', 'close']),
            ]),
          );
          results.push(await file.stat().catch(shown));
        }
      }
      return results;
    },
  ];
}
