import { expect } from 'vitest';
import type { DmaBuffer, Environment } from '../../lib/index.js';

/** Expects that an environment has this many buffers and no more, says so, and has one more when one of them was released. */
export function expectBufferLimit(env: Environment, most: number): void {
  const buffers: DmaBuffer[] = [];
  const missing = most - env.stats().memory.ownBuffers;
  while (buffers.length < missing) buffers.push(env.allocate(1));
  try {
    expect(env.stats().memory.ownBuffers).toBe(most);
    expect(() => env.allocate(1)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPDK_NO_MEMORY',
        message: expect.stringMatching(/at most 65536 buffers .*subarray/),
      }),
    );
    buffers.pop()?.release();
    buffers.push(env.allocate(1));
  } finally {
    for (const buffer of buffers) buffer.release();
  }
}
