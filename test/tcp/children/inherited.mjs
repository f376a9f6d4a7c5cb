// A worker that starts a child process before it has a controller and another while it has one, and posts their ids.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

if (!parentPort) throw new Error('This runs in a worker thread.');

const start = () => spawn('sleep', ['60'], { stdio: 'ignore' });

const before = start();
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(workerData.id);
const attached = start();
parentPort.postMessage({ before: before.pid, attached: attached.pid });
await once(parentPort, 'message');
for (const child of [before, attached]) child.kill('SIGKILL');
await controller.detach();
await env.close();
parentPort.postMessage('closed');
