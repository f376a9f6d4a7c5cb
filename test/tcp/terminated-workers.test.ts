// Workers that are terminated while native code is at work for them: in one of their calls, or while it reports something.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';

const limitMs = 50_000;

beforeAll(() => ensureHugepages(256));

it.each([
  { at: 'calls that throw', program: 'rejected-calls.mjs' },
  { at: 'attaches, statistics and log lines', program: 'rejected-attaches.mjs' },
])('forty of them, at $at: the process goes on', ({ program }) => {
  const terminate = fileURLToPath(new URL('children/terminate.mjs', import.meta.url));
  // In a process of its own: what went wrong here took the whole process with it, or never ended.
  const { status, signal, stderr } = spawnSync(process.execPath, [terminate, program, '40'], {
    encoding: 'utf8',
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
});

it('while they allocate memory: all of it is free again', () => {
  const program = fileURLToPath(new URL('children/allocating.mjs', import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, '10'], {
    encoding: 'utf8',
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  const { before, after } = JSON.parse(stdout);
  expect(after).toBe(before);
});

describe('with reads of a slow disk pending', () => {
  const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4614' } as const;
  const nqns = [0, 1, 2].map((i) => `nqn.2026-11.dev.spdk-nvme:busy${i}`);
  const ids = nqns.map((nqn) => `trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4614 subnqn:${nqn}`);
  const slowMs = 300;
  let target: SpdkTarget;

  beforeAll(async () => {
    target = await startSpdkTarget({
      listener,
      subsystems: nqns.map((nqn, i) => ({
        nqn,
        serial: `BUSY${i}`,
        disk: { kind: 'delay', sizeMb: 64, blockSize: 512, delayUs: slowMs * 1_000 },
      })),
    });
    ensureHugepages(256);
  });

  afterAll(() => target.stop('SIGKILL'));

  /** No code waits for the reads or the target any more: only connections and threads remain to be ended. */
  /** It took a second and more each time when it waited for JavaScript. A busy machine makes single ones slow. */
  const limitMs = 200;
  const worstMs = 3_000;

  it.each([
    { at: 'attached', controllers: 1 },
    { at: 'attached', controllers: 3 },
    { at: 'attached', controllers: 1, options: { polling: 'inline' } },
    { at: 'attached', controllers: 1, options: { polling: 'adaptive' } },
    { at: 'attach', controllers: 1 },
    { at: 'detach', controllers: 2 },
    { at: 'reset', controllers: 1 },
    { at: 'close', controllers: 2 },
  ])('it ends at once, at: $at, controllers: $controllers, options: $options', (task) => {
    const program = fileURLToPath(new URL('children/terminate-busy.mjs', import.meta.url));
    // In newer releases of the target (seen: v24.09, v26.05) a shutdown is complete when its pending reads are.
    const quickMs = limitMs + (target.release < 2409 ? 0 : slowMs);
    const { at, controllers, options } = task;
    const what = { rounds: 4, quickMs, at, ids: ids.slice(0, controllers), options };
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, JSON.stringify(what)], {
      encoding: 'utf8',
      timeout: 40_000,
      killSignal: 'SIGKILL',
    });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    const { times } = JSON.parse(stdout);
    expect(Math.min(...times)).toBeLessThan(quickMs);
    expect(Math.max(...times)).toBeLessThan(worstMs);
  });
});
