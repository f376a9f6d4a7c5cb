// SPDK in a worker thread, so that a busy main thread does not delay I/O. The worker reads blocks and passes them to the
// main thread without a copy.
//
//   node examples/worker-thread.mjs 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { createHash } from 'node:crypto';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { argumentsOf, stopSignal } from './support.mjs';

if (isMainThread) await main();
else await work();

async function main() {
  const [id = ''] = argumentsOf('TRANSPORT-ID');
  const worker = new Worker(new URL(import.meta.url), { workerData: id });
  const hash = createHash('sha256');
  let bytes = 0;
  worker.on('message', (/** @type {Uint8Array} */ block) => {
    hash.update(block);
    bytes += block.byteLength;
  });
  stopSignal().addEventListener('abort', () => worker.postMessage('stop'));
  await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  console.log(`${bytes} bytes, sha256 ${hash.digest('hex')}`);
}

/** Reads the first MiB. The environment belongs to the thread that opened it, and is closed there. */
async function work() {
  const { Environment } = await import('spdk-nvme');
  const stop = new AbortController();
  parentPort?.once('message', () => stop.abort());
  const env = await Environment.init();
  try {
    const controller = await env.attach(workerData, { signal: stop.signal });
    const [ns] = controller.namespaces;
    const end = Math.min(ns?.bytes ?? 0, 1 << 20);
    for (let offset = 0; ns && offset < end && !stop.signal.aborted; offset += 65_536) {
      const block = new Uint8Array(Math.min(65_536, end - offset));
      await ns.read(block, { offset });
      parentPort?.postMessage(block, [block.buffer]);
    }
  } catch (error) {
    // The signal ends an attach that is under way by an error.
    if (!stop.signal.aborted) throw error;
  } finally {
    await env.close();
    parentPort?.unref();
  }
}
