// Reads from a controller until it fails, and detaches it.
import { spdk } from './steps.mjs';

const id = process.argv[2] ?? '';
const env = await spdk.Environment.init({ memoryMb: 64 });
const controller = await env.attach(id, { ioQueues: 1, timeoutMs: 30_000 });
const failed = new Promise((resolve) => controller.once('failed', resolve));

const codes = new Set();
let reading = true;
/** @param {number} i */
const read = async (i) => {
  while (reading) {
    await controller.namespaces[0]
      ?.read(Buffer.alloc(4096), { offset: i * 4096 })
      .catch(({ code }) => codes.add(code));
  }
};
const readers = Array.from({ length: 32 }, (_, i) => read(i));

await failed;
reading = false;
await Promise.all(readers);
await controller.detach();
await env.close();
console.log(JSON.stringify({ state: controller.state, codes: [...codes] }));
