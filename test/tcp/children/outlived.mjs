// Attaches a controller, starts a program that outlives this process, prints its pid, and ends.

import { spawn } from 'node:child_process';
import { Environment } from 'spdk-nvme';

const [id = ''] = process.argv.slice(2);
const env = await Environment.init({ memoryMb: 64 });
const controller = await env.attach(id);
await controller.namespaces[0]?.read(Buffer.alloc(4096), { offset: 0 });
const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
child.unref();
console.log(child.pid);
await env.close();
