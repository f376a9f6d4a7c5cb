// Attaches, in the middle of which it is stopped as a whole, and says how that has ended.

import { Environment } from 'spdk-nvme';

const { id, options } = JSON.parse(process.argv[2] ?? '');
const env = await Environment.init({ memoryMb: 64 });
const outcome = await env.attach(id, options).then(
  ({ state }) => state,
  ({ code }) => code,
);
await env.close();
process.send?.({ outcome });
process.disconnect();
