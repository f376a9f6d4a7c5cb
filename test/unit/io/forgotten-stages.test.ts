// Memory of streams that a program has forgotten.

import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { DmaMemory } from '../../../lib/io/dma-memory.js';
import type { NativeEnvironment } from '../../../lib/native/contract.js';
import { collectGarbage } from '../../support/collect-garbage.js';

it('is available to other streams again once it is collected', async () => {
  let id = 0;
  const native = {
    pins: () => new ArrayBuffer(4 * 64),
    allocate: ({ bytes }: { bytes: number }) => ({ id: id++, memory: new ArrayBuffer(bytes) }),
    detachMemory: () => {},
    freeUnpinned: () => {},
  };
  const memory = new DmaMemory(native as unknown as NativeEnvironment, 4_096);
  expect(memory.tryStage(4_096)).toBeDefined();
  expect(memory.tryStage(4_096)).toBeUndefined();
  await vi.waitUntil(
    async () => {
      collectGarbage();
      await turn();
      const stage = memory.tryStage(4_096);
      if (stage) memory.releaseStage(stage);
      return stage !== undefined;
    },
    { timeout: 10_000 },
  );
  // One that was released counts once.
  const held = memory.tryStage(4_096);
  expect(memory.tryStage(1)).toBeUndefined();
  expect(held).toBeDefined();
});
