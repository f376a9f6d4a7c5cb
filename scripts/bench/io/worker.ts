// One run through the package, in a process of its own as perf is: `worker.ts CASE_JSON` prints one line of JSON.

import { Environment, type Namespace } from '../../../lib/index.js';
import { percentile } from '../statistics.js';
import type { IoApi, IoCase, IoResult } from './cases.js';

export interface WorkerRequest extends IoCase, IoApi {
  readonly transportId: string;
  readonly seconds: number;
}

const warmUpSeconds = 0.3;
/** Latencies kept at most; further ones replace older ones. */
const samples = new Float64Array(1 << 20);

class Meter {
  operations = 0;
  #kept = 0;

  add(microseconds: number): void {
    samples[this.#kept & (samples.length - 1)] = microseconds;
    this.#kept++;
    this.operations++;
  }

  reset(): void {
    this.operations = 0;
    this.#kept = 0;
  }

  percentile(share: number): number {
    return percentile(Array.from(samples.subarray(0, Math.min(this.#kept, samples.length))), share);
  }
}

async function run(request: WorkerRequest): Promise<IoResult> {
  const env = await Environment.init({ pollers: 1, memoryMb: 128 });
  const controller = await env.attach(request.transportId, {
    queueDepth: Math.max(2, request.queueDepth),
    polling: request.polling,
  });
  const ns = controller.namespaces[0] as Namespace;
  const meter = new Meter();
  const drive = request.api === 'batch' ? driveBatch : drivePromises;
  await drive(env, ns, request, meter, warmUpSeconds);
  meter.reset();
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await drive(env, ns, request, meter, request.seconds);
  const seconds = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  await env.close();
  return {
    iops: meter.operations / seconds,
    p50Us: meter.percentile(0.5),
    p99Us: meter.percentile(0.99),
    cpuSecondsPerMillion: (used.user + used.system) / meter.operations,
  };
}

/** Where the next command goes. */
function places(ns: Namespace, { op, blockSize }: IoCase): () => number {
  const count = Math.floor(ns.bytes / blockSize);
  let next = 0;
  return op === 'read'
    ? () => (next++ % count) * blockSize
    : () => Math.floor(Math.random() * count) * blockSize;
}

async function driveBatch(
  env: Environment,
  ns: Namespace,
  request: WorkerRequest,
  meter: Meter,
  seconds: number,
): Promise<void> {
  const { blockSize, queueDepth, polling } = request;
  const place = places(ns, request);
  const buffer = env.allocate(queueDepth * blockSize);
  const [queuePair] = ns.controller.queuePairs;
  if (!queuePair) throw new Error('no queue pair');
  const batch = queuePair.openBatch();
  const begun = new Float64Array(queueDepth);
  let now = performance.now();
  const end = now + seconds * 1000;
  for (let tag = 0; tag < queueDepth; tag++) {
    batch.read(ns, buffer, tag * blockSize, place(), blockSize, tag);
    begun[tag] = now;
  }
  batch.submit();
  while (batch.outstanding > 0) {
    let count = batch.reap();
    if (count === 0) {
      if (polling === 'inline') continue;
      count = await batch.wait();
    }
    now = performance.now();
    for (let i = 0; i < count; i++) {
      const tag = batch.tags[i] as number;
      if (batch.statuses[i] !== 0) throw new Error(`a read failed with status ${batch.statuses[i]}`);
      meter.add((now - (begun[tag] as number)) * 1000);
      if (now >= end) continue;
      begun[tag] = now;
      batch.read(ns, buffer, tag * blockSize, place(), blockSize, tag);
    }
    batch.submit();
  }
  batch.close();
  buffer.release();
}

async function drivePromises(
  env: Environment,
  ns: Namespace,
  request: WorkerRequest,
  meter: Meter,
  seconds: number,
): Promise<void> {
  const place = places(ns, request);
  const end = performance.now() + seconds * 1000;
  const one = async (): Promise<void> => {
    const buffer = env.allocate(request.blockSize);
    let now = performance.now();
    while (now < end) {
      await ns.read(buffer, { offset: place() });
      const then = performance.now();
      meter.add((then - now) * 1000);
      now = then;
    }
    buffer.release();
  };
  await Promise.all(Array.from({ length: request.queueDepth }, one));
}

const [, , request = ''] = process.argv;
process.stdout.write(`${JSON.stringify(await run(JSON.parse(request)))}\n`);
