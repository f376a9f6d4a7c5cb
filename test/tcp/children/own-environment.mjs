// A worker with an environment of its own. It writes and reads back a pattern for as long as it is asked to, and reports
// each message with what became of it.

import { parentPort, workerData } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const { id, seed, memoryMb = 64 } = workerData;
/** @type {string[]} */
const lines = [];
/** @type {Environment | undefined} */
let env;
/** @type {import('spdk-nvme').Controller | undefined} */
let controller;

async function verifySome() {
  const [namespace] = controller?.namespaces ?? [];
  for (let i = 0; i < 32; i++) {
    const data = Buffer.alloc(16_384, seed + i);
    const offset = i * 16_384;
    await namespace?.write(data, { offset });
    const back = Buffer.alloc(16_384);
    await namespace?.read(back, { offset });
    if (!back.equals(data)) throw new Error(`wrong data at ${offset}`);
  }
  return 32;
}

/** @type {Record<string, () => unknown>} */
const steps = {
  async open() {
    env = await Environment.init({ memoryMb: memoryMb ?? undefined, logLevel: 'info' });
    env.on('log', ({ message }) => lines.push(message));
    return 'open';
  },
  async attach() {
    controller = await env?.attach(id, { timeoutMs: 30_000 });
    return controller?.state;
  },
  verify: verifySome,
  /** Reads that no code awaits. */
  busy() {
    const [namespace] = controller?.namespaces ?? [];
    for (let i = 0; i < 64; i++) namespace?.read(Buffer.alloc(65_536), { offset: 0 }).catch(() => {});
    return 'busy';
  },
  own: () => env?.stats().memory.ownBytes,
  lines: () => lines,
  async close() {
    await env?.close();
    return 'closed';
  },
};

parentPort?.on('message', async (step) => {
  try {
    parentPort?.postMessage({ result: await steps[step]?.() });
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    parentPort?.postMessage({ code: code ?? message });
  }
});
