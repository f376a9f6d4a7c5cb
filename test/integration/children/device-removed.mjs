// Attaches over two RDMA devices, and reports what happens when the first one is removed.
import { startReaders } from './readers.mjs';
import { spdk } from './steps.mjs';

const { far, near } = JSON.parse(process.argv[2] ?? '');
const report = (/** @type {object} */ what) => console.log(JSON.stringify(what));
const env = await spdk.Environment.init({ memoryMb: 64 });
const other = await env.attach(near, { timeoutMs: 30_000 });
const controller = await env.attach(far, { ioQueues: 2, timeoutMs: 30_000 });
const failed = new Promise((resolve) => controller.once('failed', resolve));

const readers = startReaders(controller);
report({ state: controller.state });

const { code } = await failed;
report({ code, state: controller.state });
readers.stop();
const begun = performance.now();
await controller.detach();
await readers.ended;
report({ state: controller.state, ms: performance.now() - begun, codes: [...readers.codes] });

const again = performance.now();
const rejected = await env.attach(far).catch((error) => error);
report({ code: rejected.code, ms: performance.now() - again });
await other.namespaces[0]?.read(Buffer.alloc(4096), { offset: 0 });
report({ other: other.state });
await env.close();
