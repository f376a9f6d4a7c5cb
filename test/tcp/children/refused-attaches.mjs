// A worker to which SPDK's threads have something to tell nearly all the time: states, log lines, failures.

import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

/** The worker before this one may still be closing. */
async function open() {
  for (;;) {
    try {
      return await Environment.init({ memoryMb: 64, pollers: 1, logLevel: 'debug' });
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== 'ERR_SPDK_ENV_ALREADY_OPEN') throw error;
      await sleep(20);
    }
  }
}

const env = await open();
env.on('log', () => {});
for (let port = 1; port <= 4; port++) void attachAgainAndAgain(port);
setInterval(() => {
  for (let i = 0; i < 50; i++) env.stats();
}, 1);
parentPort?.postMessage('ready');

/** @param {number} port where nothing listens */
async function attachAgainAndAgain(port) {
  for (;;) {
    await env
      .attach(`trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:${port} subnqn:nqn.2026-11.dev.spdk-nvme:none`)
      .catch(() => {});
  }
}
