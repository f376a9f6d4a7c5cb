// Several worker threads that read at the same time, in a process of its own: `process.ts READINGS_JSON` prints a line of JSON.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Reading } from './reader.js';

/** The results of one process with several workers. */
export interface WorkersResult {
  readonly reads: number;
  readonly seconds: number;
  /** Processor time of the whole process while they read. */
  readonly cpuSeconds: number;
}

/** A worker does not inherit the TypeScript loader of this process. */
const loadReader = `
  import('${import.meta.resolve('tsx/esm/api')}').then(({ register }) => {
    register();
    return import('${new URL('reader.ts', import.meta.url)}');
  });`;

const readings: Reading[] = JSON.parse(process.argv[2] ?? '');
const workers: Worker[] = [];
for (const workerData of readings) {
  const worker = new Worker(loadReader, { eval: true, workerData });
  await once(worker, 'message');
  workers.push(worker);
}
const before = process.cpuUsage();
const begun = performance.now();
const counts = workers.map((worker) => once(worker, 'message'));
for (const worker of workers) worker.postMessage('read');
const reads = (await Promise.all(counts)).reduce((sum, [count]) => sum + count, 0);
const seconds = (performance.now() - begun) / 1_000;
const { user, system } = process.cpuUsage(before);
const result: WorkersResult = { reads, seconds, cpuSeconds: (user + system) / 1e6 };
console.log(JSON.stringify(result));
