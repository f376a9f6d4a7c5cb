// Attaches, reads all the time, and says when it is asked how that has gone; then detaches, and ends.

import { Environment } from 'spdk-nvme';

const { id, options } = JSON.parse(process.argv[2] ?? '');
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(id, { timeoutMs: 30_000, ...options });
/** @type {string[]} */
const reported = [];
controller.on('failed', ({ message }) => reported.push(`failed: ${message}`));
controller.on('resetting', (error) => reported.push(`resetting: ${error?.message}`));

let reading = true;
let reads = 0;
const reader = (async () => {
  while (reading) {
    await controller.namespaces[0]
      ?.read(Buffer.alloc(4096), { offset: 0 })
      .catch(({ code }) => reported.push(code));
    reads++;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
})();
process.on('message', async () => {
  const before = reads;
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { state } = controller;
  const readsSince = reads - before;
  reading = false;
  await reader;
  await controller.detach();
  process.send?.({ state, reported, readsSince });
  process.disconnect();
});
process.send?.('attached');
