// Reaches a limit of the process before a step, tells how the step went, and does the same without the limit.

import fs from 'node:fs';
import path from 'node:path';
import { Environment, spdkVersion } from 'spdk-nvme';

const { id, what, at } = JSON.parse(process.argv[2] ?? '');
// Loads the addon, which opens files too.
spdkVersion();
const options = { ioQueues: 2, timeoutMs: 5_000 };
/** @type {{ reach(): void; leave(): void }} */
const limit = what === 'threads' ? threads() : descriptors();

/** @param {() => Promise<unknown>} action */
const outcomeOf = async (action) => {
  const begun = performance.now();
  const outcome = await action().then(
    () => 'ok',
    (error) => error.code ?? String(error),
  );
  return { outcome, ms: Math.round(performance.now() - begun) };
};

/** @type {Environment | undefined} */
let env;
/** @type {import('spdk-nvme').Controller | undefined} */
let controller;
const steps = {
  init: async () => {
    env = await Environment.init({ memoryMb: 64, pollers: 2 });
  },
  attach: async () => {
    controller = await env?.attach(id, options);
  },
  io: async () => {
    await controller?.namespaces[0]?.read(Buffer.alloc(1 << 20), { offset: 0 });
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
/** @type {Record<string, keyof typeof steps>} */
const again = { init: 'init', attach: 'attach', io: 'io', reset: 'reset', detach: 'attach', close: 'init' };

const told = [];
for (const [step, action] of Object.entries(steps)) {
  if (step === at) {
    limit.reach();
    const under = await outcomeOf(action);
    limit.leave();
    told.push({
      step,
      under,
      after: await outcomeOf(steps[again[step] ?? 'init']),
    });
    break;
  }
  await action();
}
if (controller && !['detached', 'draining'].includes(controller.state)) await controller.detach();
await env?.close();
console.log(JSON.stringify(told[0]));

/** As many as there are: a cgroup of this process alone, of either version. */
function threads() {
  const folder = fs.existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
  const own = path.join(folder, `spdk-nvme-limited-${process.pid}`);
  fs.mkdirSync(own);
  fs.writeFileSync(path.join(own, 'cgroup.procs'), String(process.pid));
  const max = path.join(own, 'pids.max');
  process.on('exit', () => {
    fs.writeFileSync(path.join(folder, 'cgroup.procs'), String(process.pid));
    fs.rmdirSync(own);
  });
  return {
    reach: () => fs.writeFileSync(max, fs.readFileSync(path.join(own, 'pids.current'), 'utf8').trim()),
    leave: () => fs.writeFileSync(max, 'max'),
  };
}

/** All that the process may open. */
function descriptors() {
  /** @type {number[]} */
  const taken = [];
  return {
    reach: () => {
      try {
        for (;;) taken.push(fs.openSync('/dev/null', 'r'));
      } catch {}
    },
    leave: () => {
      for (const fd of taken.splice(0)) fs.closeSync(fd);
    },
  };
}
