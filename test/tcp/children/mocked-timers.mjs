// Attaches, reads, resets and detaches while the timers are those of Node.js's test runner, which keep no process alive.

import { mock } from 'node:test';
import { Environment } from 'spdk-nvme';

const [, , traddr = '', trsvcid, subnqn] = process.argv;
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
const env = await Environment.init({ memoryMb: 64 });
for (const polling of /** @type {const} */ (['adaptive', 'threads', 'inline'])) {
  const controller = await env.attach({ trtype: 'TCP', traddr, trsvcid, subnqn }, { polling });
  const [namespace] = controller.namespaces;
  await namespace?.read(Buffer.alloc(4096), { offset: 0 });
  await controller.admin.identify();
  await controller.reset();
  await controller.detach();
}
await env.close();
console.log('closed');
