// Reads from a controller until it fails, and detaches it.
import { startReaders } from './readers.mjs';
import { spdk } from './steps.mjs';

const id = process.argv[2] ?? '';
const env = await spdk.Environment.init({ memoryMb: 64 });
const controller = await env.attach(id, { ioQueues: 1, timeoutMs: 30_000 });
const failed = new Promise((resolve) => controller.once('failed', resolve));
const readers = startReaders(controller);

await failed;
readers.stop();
await readers.ended;
await controller.detach();
await env.close();
console.log(JSON.stringify({ state: controller.state, codes: [...readers.codes] }));
