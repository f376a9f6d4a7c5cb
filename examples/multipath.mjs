// Writes a block each second over two paths to one subsystem, and prints the state of the paths. Writes continue while one
// path works; without a path they wait up to ten seconds.
//
//   node examples/multipath.mjs 'trtype:TCP traddr:192.0.2.1 subnqn:nqn...' 'trtype:TCP traddr:192.0.2.2 subnqn:nqn...'

import { setTimeout as sleep } from 'node:timers/promises';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const paths = argumentsOf('TRANSPORT-ID', 'TRANSPORT-ID');
const signal = stopSignal();
const env = await Environment.init();
try {
  const subsystem = await env.attachSubsystem(paths, {
    policy: 'active-active',
    selector: 'queue-depth',
    ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY,
    reconnectDelayMs: 500,
    fastIoFailTimeoutMs: 10_000,
    signal,
  });
  /** @param {import('spdk-nvme').SubsystemPath} path */
  const name = (path) => `${path.transportId.traddr}:${path.transportId.trsvcid}`;
  subsystem.on('pathUp', (path) => console.log('up:', name(path)));
  subsystem.on('pathDown', (path, error) => console.log('down:', name(path), error?.message ?? 'detached'));
  subsystem.on('noPath', () => console.log('no path: waiting'));
  subsystem.on('ana', (ns, path, state) => console.log(`namespace ${ns.id} on ${name(path)} is ${state}`));

  for (let count = 1; !signal.aborted; count++) {
    // A changed namespace is another object, so it is looked up each time.
    const [ns] = subsystem.namespaces;
    if (ns) {
      const begun = performance.now();
      const block = Buffer.alloc(ns.blockSize);
      block.writeUInt32LE(count);
      try {
        await ns.write(block, { offset: 0, signal });
        const used = subsystem.pathsOf(ns).map(name).join(' and ');
        console.log(`wrote ${count} in ${(performance.now() - begun).toFixed(1)} ms, over ${used}`);
      } catch (error) {
        if (!signal.aborted) console.log('write failed:', /** @type {Error} */ (error).message);
      }
    }
    await sleep(1_000, undefined, { signal }).catch(() => {});
  }
} finally {
  await env.close();
}
