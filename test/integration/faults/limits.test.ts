// Over RDMA: the device locks all memory of the environment. The other limits are met over TCP, test/tcp/limits.test.ts.

import { limitsMatrix } from '../suites/limits.js';
import { ids } from '../support/fabric.js';
import { expectNothingHeld } from '../support/rdma.js';

const cannotRegister = 'ERR_SPDK_MEMLOCK_LIMIT';

limitsMatrix(() => ({ id: ids.disk0, expectNothingHeld, limitMs: 60_000 }), {
  memlock: { attach: cannotRegister, growth: 'ERR_SPDK_NO_MEMORY', reset: cannotRegister },
});
