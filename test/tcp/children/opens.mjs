// Opens an environment and closes it.

import { Environment } from 'spdk-nvme';

const env = await Environment.init({ memoryMb: 64 });
await env.close();
