// Ways to move data sequentially in pieces of 1 MiB, four at a time: the default of streams.
import fs from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { open } from '../../../lib/file/index.js';
import type { Environment, Namespace } from '../../../lib/index.js';

const pieceBytes = 1 << 20;
const depth = 4;

/** What cases move data with. */
interface Fixture {
  readonly env: Environment;
  readonly namespace: Namespace;
  /** To be moved; whole pieces. */
  readonly bytes: number;
}

export interface StreamCase {
  readonly name: string;
  /** The case of promises that it is compared with, with data in DMA memory. */
  readonly peer: 'reads' | 'writes';
  /** Moves all bytes, or as many as it returns. */
  readonly run: (fixture: Fixture) => Promise<number | undefined>;
}

type Move = (memory: Uint8Array, offset: number) => Promise<unknown>;

/** Moves piece after piece, each lane with a memory of its own. */
async function inLanes(bytes: number, memory: (lane: number) => Uint8Array, move: Move): Promise<undefined> {
  let next = 0;
  const lane = async (_: unknown, index: number) => {
    while (next < bytes) {
      const offset = next;
      next += pieceBytes;
      await move(memory(index), offset);
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
}

async function inDmaMemory({ env, bytes }: Fixture, move: Move): Promise<undefined> {
  const lanes = Array.from({ length: depth }, () => env.allocate(pieceBytes));
  await inLanes(bytes, (lane) => lanes[lane] as Uint8Array, move);
  for (const lane of lanes) lane.release();
}

const ordinary = () => Array.from({ length: depth }, () => Buffer.alloc(pieceBytes, 1));

function inOrdinaryMemory({ bytes }: Fixture, move: Move): Promise<undefined> {
  const lanes = ordinary();
  return inLanes(bytes, (lane) => lanes[lane] as Buffer, move);
}

const drop = () => new Writable({ write: (_chunk, _encoding, callback) => callback() });

/** The same few buffers over and over. */
function source(bytes: number, chunkBytes: number): Readable {
  const chunks = Array.from({ length: 16 }, () => Buffer.alloc(chunkBytes, 1));
  let at = 0;
  return Readable.from(
    (function* () {
      for (; at < bytes; at += chunkBytes) yield chunks[(at / chunkBytes) % chunks.length];
    })(),
    { objectMode: false, highWaterMark: chunkBytes },
  );
}

const range = ({ bytes }: Fixture) => ({ startBytes: 0, endBytes: bytes });

export const streamCases: readonly StreamCase[] = [
  {
    name: 'reads',
    peer: 'reads',
    run: (fixture) => inDmaMemory(fixture, (memory, offset) => fixture.namespace.read(memory, { offset })),
  },
  {
    name: 'reads into the same ordinary buffers',
    peer: 'reads',
    run: (fixture) =>
      inOrdinaryMemory(fixture, (memory, offset) => fixture.namespace.read(memory, { offset })),
  },
  {
    name: 'reads into a new buffer each',
    peer: 'reads',
    run: ({ bytes, namespace }) =>
      inLanes(
        bytes,
        () => Buffer.allocUnsafeSlow(pieceBytes),
        (memory, offset) => namespace.read(memory, { offset }),
      ),
  },
  {
    name: 'chunks()',
    peer: 'reads',
    run: async (fixture) => {
      let read = 0;
      for await (const chunk of fixture.namespace.chunks(range(fixture))) read += chunk.byteLength;
      return read;
    },
  },
  {
    name: 'createReadStream(), for await',
    peer: 'reads',
    run: async (fixture) => {
      let read = 0;
      for await (const chunk of fixture.namespace.createReadStream(range(fixture))) read += chunk.byteLength;
      return read;
    },
  },
  {
    name: 'createReadStream(), pipeline()',
    peer: 'reads',
    run: async (fixture) => {
      const stream = fixture.namespace.createReadStream(range(fixture));
      await pipeline(stream, drop());
      return stream.bytesRead;
    },
  },
  {
    name: 'file.read() into DMA memory',
    peer: 'reads',
    run: async (fixture) => {
      await using file = await open(fixture.namespace);
      return await inDmaMemory(fixture, (memory, offset) => file.read(memory, 0, pieceBytes, offset));
    },
  },
  {
    name: 'file.read() into ordinary memory',
    peer: 'reads',
    run: async (fixture) => {
      await using file = await open(fixture.namespace);
      return await inOrdinaryMemory(fixture, (memory, offset) => file.read(memory, 0, pieceBytes, offset));
    },
  },
  {
    name: 'file.createReadStream()',
    peer: 'reads',
    run: async (fixture) => {
      await using file = await open(fixture.namespace);
      const stream = file.createReadStream({ end: fixture.bytes - 1 });
      await pipeline(stream, drop());
      return stream.bytesRead;
    },
  },
  {
    name: 'createReadStream() to /dev/null',
    peer: 'reads',
    run: async (fixture) => {
      const stream = fixture.namespace.createReadStream(range(fixture));
      await pipeline(stream, fs.createWriteStream('/dev/null'));
      return stream.bytesRead;
    },
  },
  {
    name: 'writes',
    peer: 'writes',
    run: (fixture) => inDmaMemory(fixture, (memory, offset) => fixture.namespace.write(memory, { offset })),
  },
  {
    name: 'writes of ordinary buffers',
    peer: 'writes',
    run: (fixture) =>
      inOrdinaryMemory(fixture, (memory, offset) => fixture.namespace.write(memory, { offset })),
  },
  {
    name: 'createWriteStream(), chunks of 1 MiB',
    peer: 'writes',
    run: async (fixture) => {
      const stream = fixture.namespace.createWriteStream(range(fixture));
      await pipeline(source(fixture.bytes, pieceBytes), stream);
      return stream.bytesWritten;
    },
  },
  {
    name: 'createWriteStream(), chunks of 64 KiB',
    peer: 'writes',
    run: async (fixture) => {
      const stream = fixture.namespace.createWriteStream(range(fixture));
      await pipeline(source(fixture.bytes, 64 << 10), stream);
      return stream.bytesWritten;
    },
  },
  {
    name: 'file.write() of DMA memory',
    peer: 'writes',
    run: async (fixture) => {
      await using file = await open(fixture.namespace);
      return await inDmaMemory(fixture, (memory, offset) => file.write(memory, 0, pieceBytes, offset));
    },
  },
  {
    name: 'file.write() of ordinary memory',
    peer: 'writes',
    run: async (fixture) => {
      await using file = await open(fixture.namespace);
      return await inOrdinaryMemory(fixture, (memory, offset) => file.write(memory, 0, pieceBytes, offset));
    },
  },
];
