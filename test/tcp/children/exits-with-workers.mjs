// Attaches a controller here and one in each of several workers, then ends the process while all of them read.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const { ids, how } = JSON.parse(process.argv[2] ?? '');
const program = new URL('own-environment.mjs', import.meta.url);
for (const [seed, id] of ids.slice(1).entries()) {
  const worker = new Worker(program, { workerData: { id, seed } });
  for (const step of ['open', 'attach', 'busy']) {
    worker.postMessage(step);
    const [outcome] = await once(worker, 'message');
    if (outcome.code) throw new Error(outcome.code);
  }
}
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(ids[0]);
controller.namespaces[0]?.read(Buffer.alloc(1024 * 1024), { offset: 0 }).catch(() => {});
console.log('attached');
if (how === 'exit') process.exit(7);
if (how === 'throw')
  setImmediate(() => {
    throw new Error('as a program that fails');
  });
