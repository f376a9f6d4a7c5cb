// Where the data of an operation is: in DMA memory of the caller's, which is used as it is, or in memory of any other
// kind, which is copied.

import { invalidBuffer } from '../options/buffers.js';
import { largestChunk } from './bounce-pool.js';
import type { IoData } from './data.js';
import { type DmaMemory, type DmaRegion, offsetInRegion, regionOf } from './dma-memory.js';
import type { IoRequest } from './request.js';
import { type Segment, segmentsPerCommand } from './ring.js';

/** The maximum of outstanding commands of one operation whose data is copied. */
const copiedAtOnce = 8;

/** Has the data copied through DMA memory of the package, one part after the other. */
export function copied(request: IoRequest, source: IoData | undefined, target: IoData | undefined): void {
  request.source = source;
  request.target = target;
  const blocks = Math.max(1, Math.floor(largestChunk / request.blockSize));
  request.split(blocks * request.blockSize, copiedAtOnce);
}

/**
 * Uses one buffer as it is, if it is DMA memory of this environment. False if it is not.
 * @throws {SpdkError} ERR_SPDK_INVALID_BUFFER when it has been released
 */
export function direct(request: IoRequest, bytes: Uint8Array, memory: DmaMemory): boolean {
  const region = ownRegion(bytes, memory);
  if (!region) return false;
  request.region = region;
  request.offset = offsetInRegion(bytes);
  return true;
}

/** Uses several buffers as they are, when all are DMA memory and few enough for one command. */
export function inSegments(request: IoRequest, parts: readonly Uint8Array[], memory: DmaMemory): boolean {
  const regions = parts.map((part) => ownRegion(part, memory));
  if (parts.length > segmentsPerCommand) return false;
  const segments: Segment[] = [];
  const pinned: DmaRegion[] = [];
  for (const [i, part] of parts.entries()) {
    const region = regions[i];
    // A controller's list of memory has to change at block boundaries; else the data is copied together.
    if (!region || part.byteLength % request.blockSize !== 0) return false;
    segments.push({ region: region.id, offset: part.byteOffset, length: part.byteLength });
    pinned.push(region);
  }
  request.segments = segments;
  request.pinned = pinned;
  return true;
}

function ownRegion(bytes: Uint8Array, memory: DmaMemory): DmaRegion | undefined {
  const region = regionOf(bytes);
  if (region === undefined || region.owner !== memory) return undefined;
  if (region.released) throw invalidBuffer('The buffer has been released');
  return region;
}
