// A worker that tells what a child process of its own has open, before it has a controller and while it has one.

import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Environment } from 'spdk-nvme';

function inherited() {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const folder = `/proc/${child.pid}/fd`;
  const files = readdirSync(folder).map((fd) => readlinkSync(`${folder}/${fd}`).replace(/:\[\d+\]$/, ''));
  child.kill('SIGKILL');
  // Its own: libraries that it is just loading.
  return files.filter((file) => !/^\/(usr|lib|etc)/.test(file)).sort();
}

const before = inherited();
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(workerData.id);
const attached = inherited();
await controller.detach();
await env.close();
parentPort?.postMessage({ before, attached });
