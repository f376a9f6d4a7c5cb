// The steps of an environment's life, for children and workers that end at one of them. Runs what users run: dist/.

/** @type {typeof import('../../../lib/index.js')} */
export const spdk = await import(new URL('../../../dist/index.js', import.meta.url).href);

/**
 * @typedef {'opening' | 'open' | 'attaching' | 'waiting' | 'attached' | 'reading' | 'draining' | 'detaching' | 'closing' | 'closed'} Step
 * `waiting`: for an address that no machine has; `reading`: with operations outstanding all the time; `draining`: in a
 * detach that waits for them; `closing`: with a controller attached.
 * @typedef {{ step: Step, reachable: string, unreachable: string, memoryMb: number }} Task
 */

/** The first attach of a process loads the verbs' libraries and touches all memory. */
const options = { ioQueues: 2, timeoutMs: 30_000 };

/**
 * Goes as far as a step, which may be in the middle of something; gives the promise of that.
 * @param {Task} task
 * @returns {Promise<{ pending?: Promise<unknown> }>}
 */
export async function reach({ step, reachable, unreachable, memoryMb }) {
  const opening = spdk.Environment.init({ pollers: 2, memoryMb });
  if (step === 'opening') return inTheMiddleOf(opening);
  const env = await opening;
  if (step === 'open') return {};
  if (step === 'attaching') return inTheMiddleOf(env.attach(reachable, options));
  if (step === 'waiting') return inTheMiddleOf(env.attach(unreachable));
  if (step === 'closed') {
    await env.close();
    return {};
  }
  const controller = await env.attach(reachable, options);
  if (step === 'attached') return {};
  if (step === 'reading' || step === 'draining') keepReading(controller, step === 'reading');
  if (step === 'reading') return inTheMiddleOf(new Promise(() => {}));
  return inTheMiddleOf(step === 'detaching' || step === 'draining' ? controller.detach() : env.close());
}

/**
 * Starts more reads than the queues have room for, and starts each again when it has ended.
 * @param {import('../../../lib/index.js').Controller} controller
 * @param {boolean} again
 */
function keepReading(controller, again) {
  const [namespace] = controller.namespaces;
  const read = async () => {
    do await namespace?.read(Buffer.alloc(4096), { offset: 0 });
    while (again);
  };
  for (let i = 0; i < 300; i++) read().catch(() => {}); // they end with the controller
}

/** @param {Promise<unknown>} pending */
async function inTheMiddleOf(pending) {
  pending.catch(() => {}); // whoever looks at it later gets the rejection all the same
  await new Promise((resolve) => setTimeout(resolve, 20));
  return { pending };
}
