// Ways to move data sequentially in pieces of 1 MiB, four at a time: the default of streams.
import fs from 'node:fs';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type NamespaceFile, open } from '../../../lib/file/index.js';
import type {
  DmaBuffer,
  Environment,
  Namespace,
  NamespaceReadStream,
  NamespaceWriteStream,
} from '../../../lib/index.js';

const pieceBytes = 1 << 20;
const depth = 4;
/** Values of `reuseAfterChunks`: the smallest that are right for a loop and for a pipeline into one sink, and one for most pipelines. */
const reuse = { loop: 1, sink: 2, most: 8 } as const;
/** The buffers that a stream with the largest of them reads into in turn. */
const inTurn = reuse.most + depth + 1;

/** What cases move data with. */
interface Fixture {
  readonly env: Environment;
  readonly namespace: Namespace;
  /** The bytes to move, in whole pieces. */
  readonly bytes: number;
}

/** The cases of promises that others are compared with. */
const peers = { reads: 'reads into DMA memory', writes: 'writes of DMA memory' } as const;

export interface StreamCase {
  readonly name: string;
  /** The case that it is compared with. */
  readonly peer: string;
  /** Moves all bytes. Returns how many a stream has counted. */
  readonly run: (fixture: Fixture) => Promise<number | undefined>;
}

/** Moves a piece. */
type Move = (memory: Uint8Array, offset: number) => Promise<unknown>;

/** A namespace, as it is or as a file. */
interface Access {
  readonly read: Move;
  readonly write: Move;
  /** @param reuse its `reuseAfterChunks` */
  readonly readStream: (bytes: number, reuse?: number) => NamespaceReadStream;
  readonly writeStream: (bytes: number) => NamespaceWriteStream;
}

const asItIs = (namespace: Namespace): Access => ({
  read: (memory, offset) => namespace.read(memory, { offset }),
  write: (memory, offset) => namespace.write(memory, { offset }),
  readStream: (endBytes, reuseAfterChunks) => namespace.createReadStream({ endBytes, reuseAfterChunks }),
  writeStream: (endBytes) => namespace.createWriteStream({ endBytes }),
});

const asFile = (file: NamespaceFile): Access => ({
  read: (memory, offset) => file.read(memory, 0, pieceBytes, offset),
  write: (memory, offset) => file.write(memory, 0, pieceBytes, offset),
  readStream: (bytes, reuseAfterChunks) => file.createReadStream({ end: bytes - 1, reuseAfterChunks }),
  writeStream: () => file.createWriteStream(),
});

/** Moves piece after piece. Each lane has memory of its own. */
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

/** As {@link inDmaMemory}; each piece is in the buffer that was used longest ago. */
async function inManyBuffers({ env, bytes }: Fixture, move: Move): Promise<undefined> {
  const free = Array.from({ length: inTurn }, () => env.allocate(pieceBytes));
  await inLanes(
    bytes,
    () => free[0] as Uint8Array,
    async (_, offset) => {
      const buffer = free.shift() as DmaBuffer;
      await move(buffer, offset);
      free.push(buffer);
    },
  );
  for (const buffer of free) buffer.release();
}

/** Ordinary memory. Its page faults happen before all cases. */
const ordinary = Array.from({ length: depth }, () => Buffer.alloc(pieceBytes, 1));

const inOrdinaryMemory = ({ bytes }: Fixture, move: Move) =>
  inLanes(bytes, (lane) => ordinary[lane] as Buffer, move);

const drop = () => new Writable({ write: (_chunk, _encoding, callback) => callback() });

/** The chunks are the same ordinary memory, again and again. */
function source(bytes: number, chunkBytes: number): Readable {
  function* chunks() {
    for (let at = 0; at < bytes; at += chunkBytes) {
      const piece = ordinary[Math.floor(at / pieceBytes) % depth] as Buffer;
      yield piece.subarray(at % pieceBytes, (at % pieceBytes) + chunkBytes);
    }
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: chunkBytes });
}

async function intoStream({ writeStream }: Access, bytes: number, chunkBytes: number): Promise<number> {
  const stream = writeStream(bytes);
  await pipeline(source(bytes, chunkBytes), stream);
  return stream.bytesWritten;
}

async function outOfStream(stream: NamespaceReadStream, sink: Writable): Promise<number> {
  await pipeline(stream, sink);
  return stream.bytesRead;
}

async function inLoop(chunks: AsyncIterable<Buffer>): Promise<number> {
  let read = 0;
  for await (const chunk of chunks) read += chunk.byteLength;
  return read;
}

/**
 * How long node:fs takes for the same chunks. The file is one hole in a file system in memory, so nothing is read from
 * a disk.
 */
async function outOfFile({ bytes }: Fixture): Promise<number> {
  const folder = await fs.promises.mkdtemp('/dev/shm/spdk-nvme-bench-');
  try {
    const file = path.join(folder, 'hole');
    await fs.promises.writeFile(file, '');
    await fs.promises.truncate(file, bytes);
    const stream = fs.createReadStream(file, { highWaterMark: pieceBytes });
    await pipeline(stream, drop());
    return stream.bytesRead;
  } finally {
    await fs.promises.rm(folder, { recursive: true });
  }
}

type Run = (access: Access, fixture: Fixture) => Promise<number | undefined>;

/** Two cases: one through a namespace, and one through a file. */
function both(direction: keyof typeof peers, name: string, run: Run): StreamCase[] {
  const peer = peers[direction];
  const throughFile = async (fixture: Fixture) => {
    await using file = await open(fixture.namespace);
    return await run(asFile(file), fixture);
  };
  return [
    { name, peer, run: (fixture) => run(asItIs(fixture.namespace), fixture) },
    { name: `file: ${name}`, peer, run: throughFile },
  ];
}

export const streamCases: readonly StreamCase[] = [
  ...both('reads', peers.reads, ({ read }, fixture) => inDmaMemory(fixture, read)),
  ...both('reads', 'reads into ordinary memory', ({ read }, fixture) => inOrdinaryMemory(fixture, read)),
  {
    name: `reads into DMA memory, ${inTurn} buffers in turn`,
    peer: peers.reads,
    run: (fixture) => inManyBuffers(fixture, asItIs(fixture.namespace).read),
  },
  {
    name: 'reads into a new buffer each',
    peer: peers.reads,
    run: ({ bytes, namespace }) =>
      inLanes(bytes, () => Buffer.allocUnsafeSlow(pieceBytes), asItIs(namespace).read),
  },
  {
    name: 'chunks()',
    peer: peers.reads,
    run: ({ bytes, namespace }) => inLoop(namespace.chunks({ endBytes: bytes })),
  },
  {
    name: 'createReadStream(), for await',
    peer: peers.reads,
    run: ({ bytes, namespace }) => inLoop(namespace.createReadStream({ endBytes: bytes })),
  },
  ...both('reads', 'createReadStream(), pipeline()', ({ readStream }, { bytes }) =>
    outOfStream(readStream(bytes), drop()),
  ),
  ...[reuse.loop, reuse.most].map((after) => ({
    name: `createReadStream(), reuse ${after}, for await`,
    peer: peers.reads,
    run: ({ bytes, namespace }: Fixture) => inLoop(asItIs(namespace).readStream(bytes, after)),
  })),
  ...[reuse.sink, reuse.most].flatMap((after) =>
    both('reads', `createReadStream(), reuse ${after}, pipeline()`, ({ readStream }, { bytes }) =>
      outOfStream(readStream(bytes, after), drop()),
    ),
  ),
  ...[undefined, reuse.sink, reuse.most].map((after) => ({
    name: `createReadStream()${after ? `, reuse ${after}` : ''}, to /dev/null`,
    peer: peers.reads,
    run: ({ bytes, namespace }: Fixture) =>
      outOfStream(asItIs(namespace).readStream(bytes, after), fs.createWriteStream('/dev/null')),
  })),
  { name: 'node:fs, createReadStream(), pipeline()', peer: peers.reads, run: outOfFile },
  ...both('writes', peers.writes, ({ write }, fixture) => inDmaMemory(fixture, write)),
  ...both('writes', 'writes of ordinary memory', ({ write }, fixture) => inOrdinaryMemory(fixture, write)),
  ...both('writes', 'createWriteStream(), chunks of 1 MiB', (access, { bytes }) =>
    intoStream(access, bytes, pieceBytes),
  ),
  ...both('writes', 'createWriteStream(), chunks of 64 KiB', (access, { bytes }) =>
    intoStream(access, bytes, 64 << 10),
  ),
];
