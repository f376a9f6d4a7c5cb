// Thousands of operations that one signal aborts.

import { expect, it, vi } from 'vitest';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();

it.each(['none', 'abort'] as const)('are cancelled in no time with onTimeout %s', async (onTimeout) => {
  const controller = await disk.env.attach(disk.subsystem.id, { queueDepth: 32_768, onTimeout });
  const [namespace] = controller.namespaces;
  const stop = new AbortController();
  disk.target.silent = true;
  const operations = Array.from({ length: 10_000 }, () => namespace?.flush({ signal: stop.signal }));
  const outcomes = Promise.allSettled(operations);
  await vi.waitFor(() => expect(controller.stats().outstanding).toBe(10_000));
  const begun = performance.now();
  stop.abort();
  // Each looked through all 32,768 slots, which took five to ten seconds.
  expect(performance.now() - begun).toBeLessThan(2_500);
  disk.target.silent = false;
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SPDK_ABORTED' } });
  await vi.waitFor(() => expect(controller.stats()).toMatchObject({ pending: 0, outstanding: 0 }));
});
