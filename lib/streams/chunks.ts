// Reading a namespace chunk by chunk, into memory that is used again.

import { codedError } from '../errors/spdk-error.js';
import { leavable } from '../internal/leavable.js';
import type { DmaMemory } from '../io/dma-memory.js';
import type { ByteAccess } from './byte-access.js';
import { StreamOperations } from './operations.js';
import { StagePool } from './stages.js';
import { partEnd, type StreamPlan } from './stream-options.js';

/**
 * The chunks of a range in order; see `namespace.chunks`. Up to `concurrency` reads are outstanding while the consumer has a
 * chunk. Its memory is read into again when the consumer requests the next one.
 */
export function chunksOf(
  access: ByteAccess,
  plan: StreamPlan,
  memory: DmaMemory,
): AsyncGenerator<Buffer, void, undefined> {
  const operations = new StreamOperations(plan, 'reads');
  return leavable(readChunks(access, plan, memory, operations), () => void operations.close());
}

async function* readChunks(
  access: ByteAccess,
  plan: StreamPlan,
  memory: DmaMemory,
  operations: StreamOperations,
): AsyncGenerator<Buffer, void, undefined> {
  const stages = new StagePool(memory, plan, plan.concurrency + 1);
  const ahead: { stage: Uint8Array; chunk: Promise<Buffer> }[] = [];
  let position = plan.start;
  let aborted: Error | undefined;
  let consuming = false;
  operations.heed('Reading chunks', (error) => {
    aborted = error;
    void operations.close();
  });
  const read = async (stage: Uint8Array, at: number, length: number): Promise<Buffer> => {
    const chunk = Buffer.from(stage.buffer, stage.byteOffset, length);
    await access.read(chunk, at, operations.options);
    return chunk;
  };
  const readAhead = async (): Promise<void> => {
    while (!operations.ended && position < plan.end && ahead.length < plan.concurrency) {
      const stage = await stages.take();
      const end = partEnd(position, plan, access.disk.blockSize);
      const chunk = operations.add(read(stage, position, end - position));
      // The consumer may never wait for this chunk.
      chunk.catch(() => {});
      ahead.push({ stage, chunk });
      position = end;
    }
  };
  try {
    await readAhead();
    for (;;) {
      if (aborted) throw aborted;
      const next = ahead.shift();
      if (!next) return;
      const chunk = await next.chunk;
      // None is idle while the consumer has this one.
      await readAhead();
      consuming = true;
      yield chunk;
      consuming = false;
      stages.give(next.stage);
    }
  } catch (error) {
    // The consumer's own, by the iterator's throw(), as Readable.from() calls it.
    if (consuming) throw error;
    // The consumer has left.
    if (operations.ended && !aborted) return;
    throw aborted ?? codedError('Reading chunks failed', error);
  } finally {
    await operations.close();
    stages.close();
  }
}
