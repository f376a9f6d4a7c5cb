// Runs all cases once, in a process of its own: `process.ts REQUEST_JSON` prints one line of JSON.
import { setImmediate as turn } from 'node:timers/promises';
import { Environment } from '../../../lib/index.js';
import { streamCases } from './cases.js';

export interface StreamRequest {
  readonly transportId: string;
  readonly polling: 'threads' | 'inline' | 'adaptive';
  /** What each case moves. */
  readonly bytes: number;
  /** The first case. It differs from round to round. */
  readonly first: number;
  /** Names of cases; absent: all. */
  readonly only?: readonly string[] | undefined;
}

export interface StreamResult {
  readonly name: string;
  readonly bytesPerSecond: number;
  /** Processor time of the whole process, its pollers included. */
  readonly cpuSecondsPerGib: number;
}

/** Memory of the case before is free, and its collection is not part of the next one. */
async function collectGarbage(): Promise<void> {
  globalThis.gc?.();
  await turn();
}

const request: StreamRequest = JSON.parse(process.argv[2] ?? '');
const { transportId, polling, bytes, first } = request;
const env = await Environment.init();
const controller = await env.attach(transportId, { polling });
const [namespace] = controller.namespaces;
if (!namespace) throw new Error('the controller has no namespace');
const results: StreamResult[] = [];
const cases = streamCases.filter(({ name }) => request.only?.includes(name) ?? true);
for (let i = 0; i < cases.length; i++) {
  const { name, run } = cases[(i + first) % cases.length] as (typeof cases)[number];
  // Before anything is measured, so that code is compiled and memory allocated.
  await run({ env, namespace, bytes: bytes / 16 });
  await collectGarbage();
  const before = process.cpuUsage();
  const begun = performance.now();
  const moved = (await run({ env, namespace, bytes })) ?? bytes;
  const seconds = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(before);
  if (moved !== bytes) throw new Error(`${name} moved ${moved} bytes, not ${bytes}`);
  const cpuSecondsPerGib = ((user + system) / 1e6) * (2 ** 30 / bytes);
  results.push({ name, bytesPerSecond: bytes / seconds, cpuSecondsPerGib });
}
await controller.detach();
await env.close();
console.log(JSON.stringify(results));
