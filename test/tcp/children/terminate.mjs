// Starts a worker, terminates it at a random moment after its first message, and the next one, as often as asked.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const [program = '', times = '0'] = process.argv.slice(2);
for (let i = 0; i < Number(times); i++) {
  const worker = new Worker(new URL(program, import.meta.url));
  await once(worker, 'message');
  await sleep(Math.random() * 40);
  await worker.terminate();
}
