// Attaches while a resource has run out, reports how that went, and attaches again when there is some.
import fs from 'node:fs';
import { spdk } from './steps.mjs';

/** `fresh`: nothing has been attached in the environment before. `most`: how many descriptors are given back, one at a time. */
const { id, what, fresh, most = 8 } = JSON.parse(process.argv[2] ?? '');
const report = (/** @type {object} */ line) => console.log(JSON.stringify(line));
const options = { ioQueues: 2, timeoutMs: 30_000 };
const env = await spdk.Environment.init({ memoryMb: 64 });

/** @param {() => Promise<unknown>} action */
const outcomeOf = async (action) => {
  const begun = performance.now();
  const outcome = await action().then(
    () => 'ok',
    (error) => error.code ?? String(error),
  );
  return { outcome, ms: performance.now() - begun };
};
const cycle = async () => {
  const controller = await env.attach(id, options);
  try {
    await controller.namespaces[0]?.read(Buffer.alloc(65_536), { offset: 0 });
  } finally {
    await controller.detach();
  }
};
/**
 * @template Thing
 * @param {() => Thing} take
 */
const takeAll = (take) => {
  const taken = [];
  try {
    for (;;) taken.push(take());
  } catch {
    return taken;
  }
};
const takeAllMemory = () => [20, 16, 12].flatMap((bits) => takeAll(() => env.allocate(1 << bits)));

if (what === 'descriptors') {
  if (!fresh) report(await outcomeOf(cycle));
  const open = takeAll(() => fs.openSync('/dev/null', 'r'));
  for (let spare = 0; spare <= most; spare++) {
    report({ spare, ...(await outcomeOf(cycle)) });
    fs.closeSync(open.pop() ?? -1);
  }
  for (const fd of open) fs.closeSync(fd);
  report({ after: await outcomeOf(cycle) });
} else {
  report(await outcomeOf(cycle));
  // Exhausted during I/O: the controller is attached, then the resource is used up.
  const controller = await env.attach(id, options);
  const [namespace] = controller.namespaces;
  let buffers = takeAllMemory();
  const big = Buffer.alloc(8 << 20);
  const inIo = await outcomeOf(async () => namespace?.read(big, { offset: 0 }));
  const stillServes = await outcomeOf(async () => namespace?.read(buffers[0] ?? big, { offset: 0 }));
  report({ inIo, stillServes, state: controller.state });
  await controller.detach();
  // Exhausted during an attach: more and more memory is released, until the attach succeeds.
  buffers = [...buffers, ...takeAllMemory()];
  for (let round = 0; round < 6; round++) {
    report({ round, ...(await outcomeOf(cycle)) });
    for (let i = 0; i < 1 << (2 * round); i++) buffers.pop()?.release();
  }
  for (const buffer of buffers) buffer.release();
  await new Promise(setImmediate);
  report({ after: await outcomeOf(cycle) });
}
await env.close();
