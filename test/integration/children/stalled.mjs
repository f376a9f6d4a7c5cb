// Attaches, reports that, and waits for the controller to fail; then detaches it, reports how that went, and ends.
import { spdk } from './steps.mjs';

const { id, keepAliveMs } = JSON.parse(process.argv[2] ?? '');
const env = await spdk.Environment.init({ memoryMb: 64 });
const controller = await env.attach(id, { keepAliveMs, timeoutMs: 30_000 });
const failed = new Promise((resolve) => controller.once('failed', resolve));
console.log(JSON.stringify({ state: controller.state }));

const stayAlive = setInterval(() => {}, 60_000);
const error = await failed;
console.log(JSON.stringify({ failed: error.code, state: controller.state }));
const begun = performance.now();
await controller.detach();
console.log(JSON.stringify({ state: controller.state, ms: performance.now() - begun }));
clearInterval(stayAlive);
