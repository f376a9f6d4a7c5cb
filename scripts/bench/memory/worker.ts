// Measures what controllers cost, in a process of its own: `worker.ts REQUEST_JSON` prints one line of JSON.

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Environment } from '../../../lib/index.js';
import type { MemoryResult } from './cases.js';

export interface MemoryRequest {
  /** One controller is attached for each. */
  readonly transportIds: readonly string[];
  readonly ioQueues: number;
  /** Whether all are attached at the same time, or one after the other. */
  readonly together: boolean;
}

const timeoutMs = 300_000;
/** How long threads and timers take to become idle. */
const restMs = 150;

/** Resident memory, which does not include hugepages, and what DPDK has reserved and used of hugepages. */
async function measure(env: Environment): Promise<Pick<MemoryResult, 'residentBytes' | 'usedBytes'>> {
  for (let i = 0; i < 3; i++) {
    await sleep(restMs);
    globalThis.gc?.();
  }
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const residentKib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  return { residentBytes: residentKib * 1024, usedBytes: env.stats().memory.usedBytes };
}

async function run({ transportIds, ioQueues, together }: MemoryRequest): Promise<MemoryResult> {
  const env = await Environment.init({ pollers: 1 });
  const attach = (id: string) => env.attach(id, { ioQueues, timeoutMs });
  // The first controllers of a process load code, and create what all controllers share.
  const [first = ''] = transportIds;
  for (let i = 0; i < 8; i++) await (await attach(first)).detach({ timeoutMs });
  const before = await measure(env);
  const begun = performance.now();
  if (together) await Promise.all(transportIds.map(attach));
  else for (const id of transportIds) await attach(id);
  const attachMs = performance.now() - begun;
  const after = await measure(env);
  const heapBytes = env.stats().memory.totalBytes;
  const leaving = performance.now();
  await Promise.all(env.controllers.map((controller) => controller.detach({ timeoutMs })));
  const detachMs = performance.now() - leaving;
  await env.close();
  return {
    residentBytes: after.residentBytes - before.residentBytes,
    usedBytes: after.usedBytes - before.usedBytes,
    heapBytes,
    attachMs,
    detachMs,
  };
}

const [, , request = ''] = process.argv;
process.stdout.write(`${JSON.stringify(await run(JSON.parse(request)))}\n`);
