// Reads a namespace by streams, keeps some chunks while others become garbage, and closes everything. Says how many chunks there are
// that do not have their data any more.

import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Environment } from 'spdk-nvme';

const { gc } = globalThis;
if (!gc) throw new Error('needs --expose-gc');
const collectGarbage = async () => {
  gc();
  await turn();
};
const sumOf = (/** @type {Uint8Array} */ bytes) => createHash('sha1').update(bytes).digest('hex');

const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(process.argv[2] ?? '', { timeoutMs: 30_000 });
const [namespace] = controller.namespaces;
if (!namespace) throw new Error('no namespace');
/** @type {{ view: Uint8Array, sum: string }[]} */
const kept = [];
let chunks = 0;
for (let round = 0; round < 10; round++) {
  for await (const chunk of namespace.createReadStream({ startBytes: round, endBytes: 16 << 20 })) {
    chunks++;
    if (chunks % 5 === 0) kept.push({ view: chunk.subarray(1_000), sum: sumOf(chunk.subarray(1_000)) });
    if (chunks % 7 === 0) await collectGarbage();
  }
}
// The last chunks of streams that use memory again, some of which were destroyed.
for (let round = 0; round < 5; round++) {
  /** @type {Buffer[]} */
  const last = [];
  const options = { startBytes: round * 4096, endBytes: 16 << 20, reuseAfterChunks: 2 };
  for await (const chunk of namespace.createReadStream(options)) {
    last.push(chunk);
    if (last.length > 3) last.shift();
    if (round > 2 && last.length === 3) break;
  }
  for (const view of last) kept.push({ view, sum: sumOf(view) });
  await collectGarbage();
}
await controller.detach();
await env.close();
await collectGarbage();
const wrong = kept.filter(({ view, sum }) => sumOf(view) !== sum).length;
console.log(JSON.stringify({ kept: kept.length, wrong }));
