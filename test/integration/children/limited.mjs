// Reaches a limit of the process before a step, reports how the step went, and does the same without the limit.

import * as limits from './limits.mjs';
import { spdk } from './steps.mjs';

const { id, what, at } = JSON.parse(process.argv[2] ?? '');
// Loads the addon, which opens files too.
spdk.spdkVersion();
const options = { ioQueues: 2, timeoutMs: 5_000 };
/** @type {import('./limits.mjs').Limit} */
const limit = /** @type {Record<string, () => import('./limits.mjs').Limit>} */ (limits)[what]?.() ?? {
  reach: () => {},
  leave: () => {},
};

/** @param {() => Promise<unknown>} action */
const outcomeOf = async (action) => {
  const begun = performance.now();
  const outcome = await action().then(
    () => 'ok',
    (error) => error.code ?? String(error),
  );
  return { outcome, ms: Math.round(performance.now() - begun) };
};

/** @type {import('../../../lib/index.js').Environment | undefined} */
let env;
/** @type {import('../../../lib/index.js').Controller | undefined} */
let controller;
const steps = {
  init: async () => {
    env = await spdk.Environment.init({ memoryMb: 64, pollers: 2 });
  },
  attach: async () => {
    controller = await env?.attach(id, options);
  },
  io: async () => {
    await controller?.namespaces[0]?.read(Buffer.alloc(1 << 20), { offset: 0 });
  },
  // The data needs more memory than the environment has.
  growth: async () => {
    const buffer = env?.allocate(96 << 20);
    if (!buffer) return;
    try {
      await controller?.namespaces[0]?.read(buffer.subarray(0, 1 << 20), { offset: 0 });
    } finally {
      buffer.release();
    }
  },
  reset: async () => {
    await controller?.reset({ timeoutMs: 5_000 });
  },
  detach: async () => {
    await controller?.detach();
  },
  close: async () => {
    await env?.close();
  },
};
/** To see that there is room: what the step has undone. */
const next = /** @type {Record<string, keyof typeof steps>} */ ({ detach: 'attach', close: 'init' });

/** The limit does not apply to memory that DPDK already has, so that memory is allocated too. */
const takesMemory = ['hugepages', 'hugetlb'].includes(what);
/** @type {import('../../../lib/index.js').DmaBuffer[]} */
const taken = [];
function takeMemory(/** @type {import('../../../lib/index.js').Environment} */ from) {
  for (const bits of [20, 16, 12]) {
    try {
      for (;;) taken.push(from.allocate(1 << bits));
    } catch {}
  }
}

const reported = [];
for (const [step, action] of Object.entries(steps)) {
  if (step !== at) {
    await action();
    continue;
  }
  limit.reach();
  if (takesMemory && env) takeMemory(env);
  const under = await outcomeOf(action);
  limit.leave();
  for (const buffer of taken.splice(0)) buffer.release();
  const again = steps[next[step] ?? /** @type {keyof typeof steps} */ (step)];
  const done = under.outcome === 'ok' && (step === 'init' || step === 'attach');
  reported.push({ step, under, after: done ? under : await outcomeOf(again) });
  break;
}
if (controller && !['detached', 'draining'].includes(controller.state)) await controller.detach();
await env?.close();
console.log(JSON.stringify(reported[0]));
