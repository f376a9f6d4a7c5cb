// A process of node:cluster whose worker exports its statistics. They are read while the primary process is busy, then the worker is killed.

import { spawnSync } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { Environment, exportStats } from 'spdk-nvme';
import { simulate } from 'spdk-nvme/testing';

if (cluster.isPrimary) {
  const worker = cluster.fork();
  const [path] = await once(worker, 'message');
  const reader = `require('node:net').connect(${JSON.stringify(path)}).pipe(process.stdout)`;
  const { stdout } = spawnSync(process.execPath, ['-e', reader], { encoding: 'utf8', timeout: 30_000 });
  console.log(stdout && JSON.parse(stdout).program);
  worker.process.kill('SIGKILL');
  await once(worker, 'exit');
} else {
  simulate();
  const env = await Environment.init();
  process.send?.((await exportStats(env, { name: 'in-a-worker' })).path);
}
