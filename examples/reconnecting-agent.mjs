// Reads a block each second. A lost connection is re-established, without a time limit. Reads wait for it up to five
// seconds; after that they fail immediately until the controller is connected again.
//
//   node examples/reconnecting-agent.mjs 'trtype:RDMA adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { setTimeout as sleep } from 'node:timers/promises';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [id = ''] = argumentsOf('TRANSPORT-ID');
const signal = stopSignal();
const env = await Environment.init();
try {
  const controller = await env.attach(id, {
    ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY,
    reconnectDelayMs: 500,
    fastIoFailTimeoutMs: 5_000,
    signal,
  });
  controller.on('resetting', (reason) => console.log('lost:', reason?.message));
  controller.on('reconnectFailed', (error) => console.log('not yet:', error.message));
  controller.on('failingFast', () => console.log('reads fail from now on'));
  controller.on('reset', ({ totalMs }) => console.log(`back after ${Math.round(totalMs)} ms`));

  while (!signal.aborted) {
    // A changed namespace is another object, so it is looked up each time.
    const [ns] = controller.namespaces;
    try {
      const begun = performance.now();
      await ns?.read(Buffer.alloc(ns.blockSize), { offset: 0, signal });
      console.log(`read in ${(performance.now() - begun).toFixed(1)} ms`);
    } catch (error) {
      if (!signal.aborted) console.log('read failed:', /** @type {Error} */ (error).message);
    }
    await sleep(1_000, undefined, { signal }).catch(() => {});
  }
} finally {
  await env.close();
}
