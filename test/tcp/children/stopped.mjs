// Begins a call, says so, is stopped as a whole then, and says how the call has ended.

import { Environment } from 'spdk-nvme';

const { id, options, moment } = JSON.parse(process.argv[2] ?? '');
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(id, options);
const [namespace] = controller.namespaces;
/** Of a disk so slow that they are outstanding when the process is stopped. */
const read = () => namespace?.read(Buffer.alloc(4096), { offset: 0, timeoutMs: 2_000 });
const reads = Promise.allSettled(Array.from({ length: 4 }, read));

/** @type {Record<string, () => Promise<unknown>>} */
const calls = {
  io: () => reads,
  detach: () => controller.detach(),
  close: () => env.close(),
};
const call = /** @type {typeof read} */ (calls[moment])();
// Commands are sent at the end of the turn.
await new Promise((turn) => setImmediate(turn));
process.send?.('begun');
const outcome = await Promise.resolve(call).then(
  () => 'done',
  ({ code }) => code,
);
const codes = (await reads).flatMap((one) => (one.status === 'rejected' ? one.reason.code : []));
await env.close();
process.send?.({ outcome, codes, state: controller.state });
process.disconnect();
