// Attaches over two RDMA devices, and tells what becomes of it when the first one is taken away.
import { spdk } from './steps.mjs';

const { far, near } = JSON.parse(process.argv[2] ?? '');
const tell = (/** @type {object} */ what) => console.log(JSON.stringify(what));
const env = await spdk.Environment.init({ memoryMb: 64 });
const other = await env.attach(near, { timeoutMs: 30_000 });
const controller = await env.attach(far, { ioQueues: 2, timeoutMs: 30_000 });
const failed = new Promise((resolve) => controller.once('failed', resolve));

const codes = new Set();
let reading = true;
/** @param {number} i */
const read = async (i) => {
  while (reading) {
    await controller.namespaces[0]
      ?.read(Buffer.alloc(4096), { offset: i * 4096 })
      .catch(({ code }) => codes.add(code));
    await new Promise(setImmediate);
  }
};
const readers = Array.from({ length: 32 }, (_, i) => read(i));
tell({ state: controller.state });

const { code } = await failed;
tell({ code, state: controller.state });
reading = false;
const begun = performance.now();
await controller.detach();
await Promise.all(readers);
tell({ state: controller.state, ms: performance.now() - begun, codes: [...codes] });

const again = performance.now();
const refused = await env.attach(far).catch((error) => error);
tell({ code: refused.code, ms: performance.now() - again });
await other.namespaces[0]?.read(Buffer.alloc(4096), { offset: 0 });
tell({ other: other.state });
await env.close();
