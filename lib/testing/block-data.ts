// The data of blocks in memory.

import { ioOpcodes } from '../native/ring-layout.js';
import type { MemoryNamespace } from './namespace.js';

const compareFailure = 0x285;

/** Replaces the data if it is as expected, and gives its status. @param parts what is expected, and then the data */
export function compareAndWrite(
  namespace: MemoryNamespace,
  from: number,
  to: number,
  parts: readonly (Uint8Array | undefined)[],
): number {
  const data = Buffer.concat(parts.filter((part) => part !== undefined));
  const stored = namespace.data.subarray(from, to);
  if (Buffer.compare(stored, data.subarray(0, to - from)) !== 0) return compareFailure;
  stored.set(data.subarray(to - from));
  return 0;
}

/** Reads, writes or compares data, and gives its status. */
export function transfer(what: number, data: Uint8Array, parts: readonly (Uint8Array | undefined)[]): number {
  let at = 0;
  let same = true;
  for (const part of parts) {
    if (!part) continue;
    const stored = data.subarray(at, at + part.byteLength);
    if (what === ioOpcodes.read) part.set(stored);
    else if (what === ioOpcodes.write) stored.set(part);
    else same &&= Buffer.compare(stored, part) === 0;
    at += part.byteLength;
  }
  return same ? 0 : compareFailure;
}
