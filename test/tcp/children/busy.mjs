// A worker in the middle of something, which it never ends by itself: reads of a slow disk, and what its task adds.

import { parentPort, workerData } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const { ids, at, options } = workerData;
const env = await Environment.init({ memoryMb: 64 });
const attach = (/** @type {string} */ id) => env.attach(id, options);
const quietly = (/** @type {Promise<unknown>} */ promise) => void promise.catch(() => {});

const controllers = await Promise.all(ids.map(attach));
for (const controller of controllers) {
  const [namespace] = controller.namespaces;
  for (let i = 0; i < 64; i++) {
    quietly(namespace.read(Buffer.alloc(65_536), { offset: i * 65_536 }));
  }
}
// Long enough to send them.
await new Promise((resolve) => setTimeout(resolve, 20));
for (const controller of controllers) {
  if (at === 'detach') quietly(controller.detach({ drainMs: 5_000, timeoutMs: 10_000 }));
  if (at === 'reset') quietly(controller.reset());
}
if (at === 'attach') {
  // Calls that are rejected immediately, again and again, so that there is always one.
  const again = () => attach(ids[0].replace('busy0', 'nobody')).catch(() => setImmediate(again));
  quietly(again());
}
if (at === 'close') quietly(env.close({ timeoutMs: 10_000 }));
parentPort?.postMessage('busy');
