// What a listener or a callback of a stream throws is the program's: an uncaught exception, as with the streams of node:fs.

import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { attachDisk, closeDisk, type Disk, noise } from './memory/disk.js';

let disk: Disk;
let ends: string[];

beforeEach(async () => {
  disk = await attachDisk();
  ends = takeEnds();
});
afterEach(() => closeDisk(disk));

/** What would end this process from now on, until the end of the test. */
function takeEnds(): string[] {
  const taken: string[] = [];
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    const others = process.rawListeners(event) as ((error: unknown) => void)[];
    process.removeAllListeners(event);
    process.on(event, (error) => taken.push(`${event}: ${(error as Error).message}`));
    onTestFinished(() => {
      process.removeAllListeners(event);
      for (const other of others) process.on(event, other);
    });
  }
  return taken;
}

const fail = () => {
  throw new Error('the program’s');
};

const streams: Record<string, () => Readable | Writable> = {
  "'data'": () => disk.ns.createReadStream({ endBytes: 4096 }).once('data', fail),
  "'pause'": () => {
    const stream = disk.ns.createReadStream({ endBytes: 4096, chunkBytes: 512 }).once('pause', fail);
    return stream.once('data', () => stream.pause());
  },
  'write()': () => {
    const stream = disk.ns.createWriteStream();
    stream.write(noise(512), fail);
    return stream;
  },
  "'drain'": () => {
    const stream = disk.ns.createWriteStream({ chunkBytes: 512 }).once('drain', fail);
    while (stream.write(noise(512)));
    return stream;
  },
  "'prefinish'": () => disk.ns.createWriteStream().once('prefinish', fail).end(noise(512)),
};

it.each(Object.entries(streams))('that of %s', async (_, make) => {
  const stream = make();
  await vi.waitFor(() => expect(ends).toEqual(['uncaughtException: the program’s']));
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.destroy();
  await closed;
});
