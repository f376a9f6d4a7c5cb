// Terminates workers that are inside a call which allocates memory nearly all of their time, and reports how much memory is in use
// before and after.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const env = await Environment.init({ memoryMb: 128 });
if (isMainThread) {
  const before = env.stats().memory.usedBytes;
  for (let i = 0; i < Number(process.argv[2]); i++) {
    const worker = new Worker(new URL(import.meta.url));
    await once(worker, 'message');
    await sleep(Math.random() * 20);
    await worker.terminate();
  }
  // What a worker leaves to its end may be freed a moment later.
  const limit = Date.now() + 10_000;
  while (env.stats().memory.usedBytes !== before && Date.now() < limit) await sleep(10);
  console.log(JSON.stringify({ before, after: env.stats().memory.usedBytes }));
  await env.close();
} else {
  parentPort?.postMessage('begins');
  for (;;) env.allocate(32 << 20).release();
}
