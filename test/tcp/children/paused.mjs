// Pauses its own JavaScript, as a breakpoint does, in the middle of its task, and reports the outcome.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const { id, options, moment, pausedMs } = JSON.parse(process.argv[2] ?? '');

/**
 * A debugger of this thread. It says when it has let it go on. It outlives its session, which this thread ends a little later: Node.js 20
 * aborts if the debugger's thread has ended before.
 */
const debuggerCode = `
const { Session } = require('node:inspector');
const { parentPort, workerData } = require('node:worker_threads');
const session = new Session();
session.connectToMainThread();
session.on('Debugger.paused', () => setTimeout(() => session.post('Debugger.resume'), workerData));
session.on('Debugger.resumed', () => {
  session.disconnect();
  parentPort.postMessage('resumed');
});
session.post('Debugger.enable');
parentPort.on('message', () => session.post('Debugger.pause'));
parentPort.postMessage('ready');
`;
const worker = new Worker(debuggerCode, { eval: true, workerData: pausedMs });
await once(worker, 'message');
let resumed = false;

const env = await Environment.init({ memoryMb: 64 });
/** @type {string[]} */
const reported = [];
const attach = async () => {
  const controller = await env.attach(id, options);
  controller.on('failed', ({ message }) => reported.push(`failed: ${message}`));
  controller.on('resetting', (error) => reported.push(`resetting: ${error?.message}`));
  return controller;
};

/**
 * Is paused while the work is under way.
 * @template Result
 * @param {() => Promise<Result>} work
 */
async function paused(work) {
  const settled = work();
  const end = once(worker, 'message').then(() => {
    resumed = true;
  });
  worker.postMessage('pause');
  const [result] = await Promise.all([settled, end]);
  return result;
}

/** @type {Record<string, () => Promise<import('spdk-nvme').Controller>>} */
const during = {
  attach: () => paused(attach),
  io: async () => {
    const controller = await attach();
    const [namespace] = controller.namespaces;
    const read = async (/** @type {unknown} */ _, /** @type {number} */ lane) => {
      while (!resumed) await namespace?.read(Buffer.alloc(4096), { offset: lane * 4096 });
    };
    await paused(() => Promise.all(Array.from({ length: 64 }, read)));
    return controller;
  },
  detach: async () => {
    const controller = await attach();
    await paused(() => controller.detach());
    return attach();
  },
};

const controller = await /** @type {typeof attach} */ (during[moment])();
await controller.namespaces[0]?.read(Buffer.alloc(4096), { offset: 0 });
const { state } = controller;
await controller.detach();
await env.close();
process.send?.({ state, reported });
process.disconnect();
await worker.terminate();
