// One of two processes writes to a namespace, and the other takes over when the first has not written for three seconds. A reservation
// fences the first: should it wake up, the target rejects its writes. Run it twice, each with a name of its own.
//
//   node examples/fenced-pair.mjs 'trtype:TCP traddr:192.0.2.1 subnqn:nqn...' NAME

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [id = '', name = ''] = argumentsOf('TRANSPORT-ID', 'NAME');
const signal = stopSignal();
// The target knows a host by these, so they stay over a restart of this process.
const hash = createHash('sha256').update(name).digest('hex');
const hostId = hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5');
const key = BigInt(`0x${hash.slice(0, 15)}1`);
const type = 'write-exclusive';

const env = await Environment.init();
try {
  const host = { hostNqn: `nqn.2014-08.org.nvmexpress:uuid:${hostId}`, hostId };
  const controller = await env.attach(id, { ...host, ctrlrLossTimeoutMs: 60_000, signal });
  const ns = controller.namespaces[0];
  if (!ns) throw new Error('The controller has no namespace');
  const { reservations } = ns;
  controller.on('reservation', ({ kind }) => console.log('notification:', kind));
  await reservations.register(key);
  const block = Buffer.alloc(ns.blockSize);
  let [owner, count, seenAt] = [false, -1, performance.now()];
  while (!signal.aborted) {
    try {
      if (owner) {
        block.writeUInt32LE(++count);
        await ns.write(block, { offset: 0, signal });
      } else if ((await ns.read(block, { offset: 0, signal })).readUInt32LE() !== count) {
        [count, seenAt] = [block.readUInt32LE(), performance.now()];
      } else if (performance.now() - seenAt > 3_000) {
        const { registrants } = await reservations.report({ signal });
        const preempt = registrants.find(({ holder }) => holder)?.key;
        await reservations.acquire(key, type, preempt === key ? {} : { preempt, signal });
        console.log(`${name} writes from ${count} on`);
        owner = true;
        // Writes immediately: another process that has waited as long then sees a change and does not take over as well.
        continue;
      }
    } catch (error) {
      if (signal.aborted) break;
      console.log(`${name} is fenced:`, /** @type {Error} */ (error).message);
      [owner, seenAt] = [false, performance.now()];
      await reservations.register(key);
    }
    await sleep(250, undefined, { signal }).catch(() => {});
  }
} finally {
  await env.close();
}
