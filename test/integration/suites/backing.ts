// The file or device behind a target's namespace, not through this package.

import fs from 'node:fs';
import type { Environment } from '../../../lib/index.js';

/** Opens what is behind the namespace, past the kernel's cache where that can be: the target writes past it too. */
function openBacking(path: string, flags: number): number {
  try {
    return fs.openSync(path, flags | fs.constants.O_DIRECT);
  } catch {
    return fs.openSync(path, flags);
  }
}

/** Reads from what is behind the namespace, not through this package. Direct I/O wants the alignment of DMA memory. */
export function readBacking(env: Environment, backing: string, offset: number, length: number): Buffer {
  const bytes = env.allocate(length);
  const fd = openBacking(backing, fs.constants.O_RDONLY);
  try {
    fs.readSync(fd, bytes, 0, length, offset);
    return Buffer.from(bytes);
  } finally {
    fs.closeSync(fd);
    bytes.release();
  }
}

export function writeBacking(env: Environment, backing: string, content: Buffer, offset: number): void {
  const bytes = env.allocate(content.length);
  bytes.set(content);
  const fd = openBacking(backing, fs.constants.O_RDWR);
  try {
    fs.writeSync(fd, bytes, 0, bytes.length, offset);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
    bytes.release();
  }
}
