// Increments a counter in the first block of a namespace, as a host of its own: each time by one Compare and Write.
// Arguments: the transport id, how often, and the host's NQN. Sends 'ready', begins with the first message that it gets, and sends how
// many were in vain.

import { once } from 'node:events';
import { Environment } from 'spdk-nvme';

const [id = '', times, hostNqn] = process.argv.slice(2);
const compareFailure = 0x85;

const env = await Environment.init({ memoryMb: 64, pollers: 1 });
const controller = await env.attach(id, { hostNqn, timeoutMs: 20_000 });
const [ns] = controller.namespaces;
if (!ns) throw new Error('there is no namespace');
// Before it is ready: all begin with the same value, and all but one of them in vain.
let old = await ns.read(Buffer.alloc(512), { offset: 0 });
process.send?.('ready');
await once(process, 'message');
let retries = 0;
for (let done = 0; done < Number(times); ) {
  const next = Buffer.from(old);
  next.writeUInt32LE(old.readUInt32LE(0) + 1, 0);
  try {
    await ns.compareAndWrite(old, next, { offset: 0 });
    old = next;
    done++;
  } catch (error) {
    if (/** @type {import('spdk-nvme').SpdkError} */ (error).nvmeStatus?.sc !== compareFailure) throw error;
    retries++;
    old = await ns.read(Buffer.alloc(512), { offset: 0 });
  }
}
await env.close();
process.send?.(retries);
process.disconnect();
