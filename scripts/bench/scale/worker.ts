// Measures what many controllers cost and achieve, in a process of its own: `worker.ts REQUEST_JSON` prints one line of
// JSON.

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Controller, Environment, type PollingMode } from '../../../lib/index.js';
import { outstandingReads, type ScaleResult } from './cases.js';
import { threadCounts } from './threads.js';

export interface ScaleRequest {
  /** One controller is attached for each. */
  readonly transportIds: readonly string[];
  readonly polling: PollingMode;
  readonly memoryMb: number;
  readonly idleSeconds: number;
  readonly ioSeconds: number;
}

const timeoutMs = 300_000;
const blockBytes = 4096;
/** How long threads and timers take to become idle. */
const restMs = 1_000;

function residentBytes(): number {
  globalThis.gc?.();
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

/** Measures the process while its controllers are idle. */
async function idle(seconds: number): Promise<Pick<ScaleResult, 'idlePercent' | 'wakeUpsPerSecond'>> {
  const before = { cpu: process.cpuUsage(), sleeps: threadCounts().sleeps, at: performance.now() };
  await sleep(seconds * 1_000);
  const { user, system } = process.cpuUsage(before.cpu);
  const passedMs = performance.now() - before.at;
  return {
    idlePercent: ((user + system) / 1_000 / passedMs) * 100,
    wakeUpsPerSecond: (threadCounts().sleeps - before.sleeps) / (passedMs / 1_000),
  };
}

/** Reads one block after the other until the time is over. */
async function readUntil(env: Environment, controller: Controller, end: number): Promise<number> {
  const [ns] = controller.namespaces;
  if (!ns) throw new Error('the controller has no namespace');
  const buffer = env.allocate(blockBytes);
  let reads = 0;
  while (performance.now() < end) {
    await ns.read(buffer, { offset: 0 });
    reads++;
  }
  buffer.release();
  return reads;
}

async function readAll(env: Environment, depth: number, seconds: number): Promise<number> {
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  const all = env.controllers.flatMap((controller) =>
    Array.from({ length: depth }, () => readUntil(env, controller, end)),
  );
  const total = (await Promise.all(all)).reduce((sum, reads) => sum + reads, 0);
  return total / ((performance.now() - begun) / 1_000);
}

async function run(request: ScaleRequest): Promise<ScaleResult> {
  const { transportIds, polling, memoryMb, idleSeconds, ioSeconds } = request;
  const env = await Environment.init({ memoryMb });
  const attach = (id: string) => env.attach(id, { ioQueues: 1, polling, timeoutMs });
  // The first controller of a process loads code, and creates what all controllers share.
  const [first = ''] = transportIds;
  await (await attach(first)).detach();
  const before = { resident: residentBytes(), hugepages: env.stats().memory.usedBytes };
  const begun = performance.now();
  await Promise.all(transportIds.map(attach));
  const attachMs = performance.now() - begun;
  await sleep(restMs);
  const { threads, ownThreads } = threadCounts();
  const cost = {
    residentBytes: residentBytes() - before.resident,
    hugepageBytes: env.stats().memory.usedBytes - before.hugepages,
    threads,
    ownThreads,
    descriptors: fs.readdirSync('/proc/self/fd').length,
  };
  const rest = await idle(idleSeconds);
  const depth = Math.max(1, Math.floor(outstandingReads / transportIds.length));
  const readsPerSecond = await readAll(env, depth, ioSeconds);
  const leaving = performance.now();
  await Promise.all(env.controllers.map((controller) => controller.detach({ timeoutMs })));
  const detachMs = performance.now() - leaving;
  await env.close();
  return { attachMs, detachMs, ...cost, ...rest, depth, readsPerSecond };
}

const [, , request = ''] = process.argv;
process.stdout.write(`${JSON.stringify(await run(JSON.parse(request)))}\n`);
