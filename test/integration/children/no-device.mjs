// Opens SPDK, fails to attach, and reports how and after how long.
import { spdk } from './steps.mjs';

const env = await spdk.Environment.init({ memoryMb: 64 });
const begun = performance.now();
try {
  await env.attach(process.argv[2] ?? '');
} catch (error) {
  const { code, message } = /** @type {import('../../../lib/index.js').SpdkError} */ (error);
  console.log(JSON.stringify({ error: code, message, ms: performance.now() - begun }));
}
await env.close();
