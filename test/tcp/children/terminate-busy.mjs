// Terminates workers in the middle of something, reports how long each took, and then uses SPDK itself.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const { rounds, quickMs, ids, ...task } = JSON.parse(process.argv[2] ?? '');
const times = [];
// More of them until one is quick: a busy machine makes single ones slow.
for (let i = 0; i < rounds || (i < 4 * rounds && Math.min(...times) >= quickMs); i++) {
  const worker = new Worker(new URL('busy.mjs', import.meta.url), { workerData: { ids, ...task } });
  await once(worker, 'message');
  await sleep(i * 3);
  const begun = performance.now();
  await worker.terminate();
  times.push(performance.now() - begun);
}
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(ids[0]);
await controller.namespaces[0]?.read(Buffer.alloc(65_536), { offset: 0 });
await controller.detach();
await env.close();
console.log(JSON.stringify({ times }));
