// A worker to which SPDK's threads report something nearly all the time: states, log lines, failures.

import { parentPort } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

const env = await Environment.init({ memoryMb: 64, pollers: 1, logLevel: 'debug' });
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
