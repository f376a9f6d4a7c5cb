// Each JavaScript thread has an environment of its own on the one SPDK of the process, and disturbs no other.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Controller, Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { expectNoConnections } from '../integration/suites/target.js';
import { limits } from '../integration/support/limits.js';

const port = '4633';
const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: port } as const;
const nqns = [0, 1, 2, 3, 4].map((i) => `nqn.2026-11.dev.spdk-nvme:thread${i}`);
const idOf = (nqn: string) => `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:${port} subnqn:${nqn}`;
const ids = nqns.map(idOf);
const slowId = idOf('nqn.2026-11.dev.spdk-nvme:slow');
const childFile = (name: string) => fileURLToPath(new URL(`children/${name}`, import.meta.url));

let target: SpdkTarget;
let env: Environment | undefined;
const workers: Worker[] = [];

beforeAll(async () => {
  const disk = { kind: 'malloc', sizeMb: 8, blockSize: 512 } as const;
  target = await startSpdkTarget({
    listener,
    subsystems: [
      ...nqns.map((nqn, i) => ({ nqn, serial: `THREAD${i}`, disk })),
      {
        nqn: 'nqn.2026-11.dev.spdk-nvme:slow',
        serial: 'SLOW',
        disk: { kind: 'delay', sizeMb: 8, blockSize: 512, delayUs: 300_000 },
      },
    ],
  });
  ensureHugepages(256);
});

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  await env?.close();
  env = undefined;
});

afterAll(() => target.stop('SIGKILL'));

function startWorker(id: string | undefined, seed = 0, memoryMb: number | null = 64): Worker {
  const worker = new Worker(childFile('own-environment.mjs'), { workerData: { id, seed, memoryMb } });
  workers.push(worker);
  return worker;
}

/** Makes a worker run a step. Returns its result, or the code of its error. */
async function ask(worker: Worker, step: string): Promise<unknown> {
  worker.postMessage(step);
  const [{ result, code }] = await once(worker, 'message');
  return code ?? result;
}

async function openHere(attachTo?: string): Promise<Controller | undefined> {
  env = await Environment.init({ memoryMb: 64, logLevel: 'info' });
  return attachTo === undefined ? undefined : await env.attach(attachTo, { timeoutMs: 30_000 });
}

describe('several threads at once', () => {
  it('open, attach, write, read back and close', async () => {
    const four = ids.slice(1).map((id, i) => startWorker(id, i * 40));
    const all = async (step: string) => Promise.all(four.map((worker) => ask(worker, step)));
    // From nothing: one of the five starts SPDK, and the others wait for it.
    const [controller, ...opened] = await Promise.all([
      openHere(ids[0]),
      ...four.map((worker) => ask(worker, 'open')),
    ]);
    expect(opened).toEqual(new Array(4).fill('open'));
    expect(await all('attach')).toEqual(new Array(4).fill('attached'));
    const [namespace] = controller?.namespaces ?? [];
    const here = (async () => {
      for (let i = 0; i < 32; i++) await namespace?.write(Buffer.alloc(4096, 0xa5), { offset: i * 4096 });
    })();
    expect(await all('verify')).toEqual(new Array(4).fill(32));
    await here;
    expect(await all('close')).toEqual(new Array(4).fill('closed'));
    const back = Buffer.alloc(4096);
    await namespace?.read(back, { offset: 4096 });
    expect(back.every((byte) => byte === 0xa5)).toBe(true);
  });

  it('open again and again', async () => {
    const two = [1, 2].map((i) => startWorker(ids[i], i));
    for (let round = 0; round < 5; round++) {
      for (const step of ['open', 'attach', 'verify', 'close']) {
        const [here, ...there] = await Promise.all([
          step === 'open' ? openHere(ids[0]) : step === 'close' ? env?.close() : undefined,
          ...two.map((worker) => ask(worker, step)),
        ]);
        if (step === 'open') expect(here?.state).toBe('attached');
        for (const result of there) expect(['open', 'attached', 32, 'closed']).toContain(result);
      }
    }
  });
});

describe('a controller that one thread has', () => {
  it('is rejected for another thread, until the first has detached it', async () => {
    const worker = startWorker(ids[0]);
    const controller = await openHere(ids[0]);
    expect(await ask(worker, 'open')).toBe('open');
    expect(await ask(worker, 'attach')).toBe('ERR_SPDK_ALREADY_ATTACHED');
    await controller?.detach();
    expect(await ask(worker, 'attach')).toBe('attached');
    await expect(env?.attach(ids[0] as string)).rejects.toMatchObject({ code: 'ERR_SPDK_ALREADY_ATTACHED' });
    await worker.terminate();
    expect((await env?.attach(ids[0] as string))?.state).toBe('attached');
  });
});

describe('a worker that is terminated with reads under way', () => {
  it('takes its controllers with it, and no read of another thread fails or waits', async () => {
    const controller = await openHere(ids[0]);
    const [namespace] = controller?.namespaces ?? [];
    let reading = true;
    let slowestMs = 0;
    const slowest: number[] = [];
    let reads = 0;
    const reader = (async () => {
      while (reading) {
        const begun = performance.now();
        await namespace?.read(Buffer.alloc(4096), { offset: 0 });
        slowestMs = Math.max(slowestMs, performance.now() - begun);
        reads++;
      }
    })();
    for (let round = 0; round < 4; round++) {
      const worker = startWorker(slowId);
      for (const step of ['open', 'attach', 'busy']) expect(await ask(worker, step)).not.toMatch(/^ERR_/);
      slowestMs = 0;
      await worker.terminate();
      // Those that were under way as well.
      for (const enough = reads + 2; reads < enough; ) await setImmediate();
      slowest.push(slowestMs);
    }
    reading = false;
    await reader;
    expect(reads).toBeGreaterThan(50);
    // The worker's own wait for 300 ms and more. A busy machine makes single reads slow, but not in each round.
    expect(Math.min(...slowest)).toBeLessThan(200);
    expect(Math.max(...slowest)).toBeLessThan(limits.stall);
    expect((await env?.attach(slowId))?.state).toBe('attached');
  });
});

describe('a second environment', () => {
  it('is rejected in the same thread, while the first is opening, open or closing', async () => {
    const rejected = { code: 'ERR_SPDK_ENV_ALREADY_OPEN' };
    const first = Environment.init({ memoryMb: 64 });
    await expect(Environment.init({ memoryMb: 64 })).rejects.toMatchObject(rejected);
    env = await first;
    await expect(Environment.init({ memoryMb: 64 })).rejects.toMatchObject(rejected);
    const closed = env.close();
    await expect(Environment.init({ memoryMb: 64 })).rejects.toMatchObject(rejected);
    await closed;
    env = await Environment.init({ memoryMb: 64 });
  });

  it('cannot have more memory than the first one', async () => {
    await openHere();
    expect(await ask(startWorker(undefined, 0, 65), 'open')).toBe('ERR_SPDK_ENV_NOT_REUSABLE');
  });

  it('without memoryMb has what the first one has', async () => {
    const first = await openHere(ids[0]);
    expect(first?.state).toBe('attached');
    const worker = startWorker(ids[1], 3, null);
    expect(await ask(worker, 'open')).toBe('open');
    expect(await ask(worker, 'attach')).toBe('attached');
    expect(await ask(worker, 'verify')).toBe(32);
    expect(await ask(worker, 'close')).toBe('closed');
    await env?.close();
    env = await Environment.init();
    expect((await env.attach(ids[0] as string)).state).toBe('attached');
  });

  it('counts its own memory', async () => {
    const worker = startWorker(ids[1]);
    await openHere();
    const ownHere = () => env?.stats().memory.ownBytes ?? 0;
    expect(await ask(worker, 'open')).toBe('open');
    expect(await ask(worker, 'attach')).toBe('attached');
    const before = ownHere();
    expect(await ask(worker, 'verify')).toBe(32);
    expect(await ask(worker, 'own')).toBeGreaterThan(0);
    expect(ownHere()).toBe(before);
    const buffer = env?.allocate(1_000_000);
    expect(ownHere()).toBe(before + 1_000_000);
    buffer?.release();
    await setImmediate();
    expect(ownHere()).toBe(before);
  });

  it('gets the log lines about its own controllers, and not those of others', async () => {
    const nobody = idOf('nqn.2026-11.dev.spdk-nvme:nobody');
    const worker = startWorker(nobody);
    await openHere();
    const here: string[] = [];
    env?.on('log', ({ message }) => here.push(message));
    expect(await ask(worker, 'open')).toBe('open');
    expect(await ask(worker, 'attach')).toMatch(/^ERR_SPDK_/);
    const there = (await ask(worker, 'lines')) as string[];
    expect(there.filter((line) => /connect/i.test(line))).not.toEqual([]);
    expect(here.filter((line) => /connect/i.test(line))).toEqual([]);
  });
});

describe('a process with an environment in each of three threads', () => {
  it.each([
    { how: 'exit', status: 7 },
    { how: 'throw', status: 1 },
  ])('ends by $how: all are closed', async ({ how, status }) => {
    const what = JSON.stringify({ ids: [slowId, ids[1], ids[2]], how });
    const begun = performance.now();
    const child = spawnSync(process.execPath, [childFile('exits-with-workers.mjs'), what], {
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    expect({ status: child.status, signal: child.signal, stdout: child.stdout }).toEqual({
      ...{ status, signal: null, stdout: 'attached\n' },
    });
    expect(performance.now() - begun).toBeLessThan(10_000);
    await expectNoConnections([port]);
  });
});
