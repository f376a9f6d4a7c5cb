// The parts of a soak that need no target.
// Longer than other files: a list of short cases for each part of a soak.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { countsOf } from '../../cli/engine/measure/counts.js';
import { resolveAttachOptions } from '../../lib/options/attach.js';
import { resolveSubsystemOptions } from '../../lib/options/subsystem.js';
import { parseTransportId } from '../../lib/options/transport-id.js';
import { parseArguments } from '../../scripts/soak/arguments.js';
import { soakDocument } from '../../scripts/soak/document.js';
import { Findings } from '../../scripts/soak/findings.js';
import { Ledger, partBytes, partsPerArea } from '../../scripts/soak/ledger.js';
import {
  anaOf,
  nextPathFault,
  nextPathStep,
  pathFaultKinds,
  subsystemOptions,
} from '../../scripts/soak/path-plan.js';
import { attachOptions, faultKinds, nextFault, nextStep } from '../../scripts/soak/plan.js';
import { ProcessWatch } from '../../scripts/soak/process-watch.js';
import { findings, type SoakReport, statusOf } from '../../scripts/soak/report.js';
import { runHere } from '../../scripts/soak/run-here.js';
import { maxRunMs, maxWaitedMs, stateOf } from '../../scripts/soak/scheduling.js';
import { renderReport } from '../../scripts/soak/table.js';
import { transportIdOf } from '../../scripts/soak/targets.js';
import { Random } from '../../scripts/testing/random.js';
import { reportOf } from './stress-report.js';

describe('the ledger of what the disk must contain', () => {
  const garbage = Buffer.alloc(partBytes, 0xa5);
  const written = (ledger: Ledger, part: number) => {
    expect(ledger.take(part)).toBe(part);
    const content = ledger.content(part);
    return content;
  };

  it('accepts anything until something was written, and then only that', () => {
    const ledger = new Ledger(3);
    expect(ledger.check(5, garbage)).toBeUndefined();
    const { write, bytes } = written(ledger, 5);
    ledger.wrote(5, write);
    expect(ledger.check(5, bytes)).toBeUndefined();
    expect(ledger.check(5, garbage)).toMatch(/part 5 of area 3/);
  });

  it('does not take a block of another part, area or write, or a piece of one, for it', () => {
    const ledger = new Ledger(0);
    const first = written(ledger, 0);
    ledger.wrote(0, first.write);
    const second = written(ledger, 0);
    ledger.wrote(0, second.write);
    expect(ledger.check(0, first.bytes)).toMatch(/write 1 instead of 2/);
    const foreign = new Ledger(1);
    for (let i = 0; i < 2; i++) expect(ledger.check(0, foreign.content(0).bytes)).toBeDefined();
    const other = new Ledger(0);
    for (let i = 0; i < 2; i++) expect(ledger.check(0, other.content(1).bytes)).toBeDefined();
    const torn = Buffer.concat([second.bytes.subarray(0, 512), first.bytes.subarray(512)]);
    expect(ledger.check(0, torn)).toMatch(/nothing that was written whole/);
  });

  it('leaves a part alone whose write failed until the controller is gone, and then accepts both', () => {
    const ledger = new Ledger(0);
    const certain = written(ledger, 7);
    ledger.wrote(7, certain.write);
    const doubtful = written(ledger, 7);
    ledger.mayHaveWritten(7, doubtful.write);
    expect(ledger.take(7)).toBe(8);
    ledger.detached();
    expect(ledger.take(7)).toBe(7);
    expect(ledger.check(7, doubtful.bytes)).toBeUndefined();
    // Now it is known which of the two happened.
    expect(ledger.check(7, certain.bytes)).toMatch(/write 1 instead of 2/);
  });

  it('gives each part to one operation at a time', () => {
    const ledger = new Ledger(0);
    const taken = Array.from({ length: partsPerArea }, () => ledger.take(100));
    expect(new Set(taken).size).toBe(partsPerArea);
    expect(ledger.take(0)).toBeUndefined();
    ledger.give(9);
    expect(ledger.take(0)).toBe(9);
  });
});

describe('the plan', () => {
  it('is the same for the same seed', () => {
    const plan = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 50 }, () => [
        nextFault(random, 4),
        attachOptions(random),
        nextStep(random),
      ]);
    };
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it('has every kind of fault, each for a bounded time', () => {
    const random = new Random(1);
    const faults = Array.from({ length: 500 }, () => nextFault(random, 4));
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(faultKinds));
    for (const { client, forMs } of faults) {
      expect(client).toBeLessThan(4);
      expect(forMs).toBeLessThan(4_000);
    }
  });

  it('attaches with options that are allowed', () => {
    const random = new Random(1);
    const id = parseTransportId(transportIdOf(0));
    for (let i = 0; i < 500; i++) expect(() => resolveAttachOptions(attachOptions(random), id)).not.toThrow();
  });
});

describe('the plan of the multipath workloads', () => {
  it('is the same for the same seed, and has every kind of fault for a bounded time', () => {
    const plan = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 300 }, () => [nextPathFault(random, 4), nextPathStep(random)] as const);
    };
    expect(plan(7)).toEqual(plan(7));
    const faults = plan(7).map(([fault]) => fault);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(pathFaultKinds));
    for (const { client, forMs } of faults) expect(client < 4 && forMs < 3_000).toBe(true);
    expect(anaOf('ana-change-both')).toBe('change');
    expect(anaOf('path-withdrawn')).toBeUndefined();
  });

  it('attaches with options that are allowed', () => {
    const random = new Random(1);
    for (let i = 0; i < 300; i++) {
      const check = () =>
        resolveSubsystemOptions([transportIdOf(0)], subsystemOptions(random), (given, id) =>
          resolveAttachOptions(given, id),
        );
      expect(check).not.toThrow();
    }
  });
});

describe('findings', () => {
  const fail = (code: string) => Promise.reject(Object.assign(new Error('failed'), { code }));

  it('distinguish hangs and surprises from what a fault explains', async () => {
    const reported: string[] = [];
    const findings = new Findings((line) => reported.push(line));
    expect(await findings.watch('read', 1_000, Promise.resolve(7))).toEqual({ value: 7 });
    expect(await findings.watch('attach', 1_000, fail('ERR_SPDK_UNREACHABLE'))).toBeUndefined();
    expect(reported).toEqual([]);
    await findings.watch('detach', 1_000, fail('ERR_SPDK_WEDGED'));
    await findings.watch('read', 1, new Promise(() => {}));
    await findings.watch('write', 1_000, fail('ERR_SPDK_INTERNAL'));
    expect(findings).toMatchObject({ hangs: 2, unexpected: { ERR_SPDK_INTERNAL: 1 }, failed: 1 });
    expect(findings.operations.read).toEqual({ succeeded: 1, failed: { NO_ANSWER: 1 } });
    expect(reported).toHaveLength(3);
  });

  it.each([
    // The processes were stopped for most of that time.
    [
      { starvedMs: 1_000, text: 'asleep' },
      { starved: { operations: 1, longestMs: 1_000 }, unexpected: {} },
    ],
    [
      { starvedMs: 0, text: 'awake' },
      { starved: { operations: 0 }, unexpected: { ERR_SPDK_TIMEOUT: 1 } },
    ],
  ])('attribute a timeout to starved processes only if they were: %o', async (starvation, expected) => {
    const reported: string[] = [];
    const findings = new Findings(
      (line) => reported.push(line),
      () => starvation,
    );
    await findings.watch('read', 1_000, fail('ERR_SPDK_TIMEOUT'), () => false);
    expect(findings).toMatchObject({ ...expected, failed: 1, hangs: 0 });
    expect(reported).toEqual([expect.stringContaining(starvation.text)]);
  });
});

describe('the watch of processes that do not run', () => {
  const reading = (atMs: number, times: Record<string, readonly [ranMs: number, waitedMs: number]>) => ({
    atMs,
    threads: new Map(Object.entries(times).map(([name, [ranMs, waitedMs]]) => [name, { ranMs, waitedMs }])),
  });

  it('does not add up the times of several threads, and counts those that began meanwhile', () => {
    const readings = [
      reading(0, { '1': [10, 1_000], '2': [20, 0] }),
      reading(100, { '1': [15, 1_095], '2': [120, 0], '3': [1, 30] }),
    ];
    expect(maxWaitedMs(readings)).toBe(95);
    expect(maxRunMs(readings)).toBe(100);
    expect(maxWaitedMs([])).toBe(0);
  });

  it('sees that another process is stopped, and one that has just begun is none that was waited for', async () => {
    const spins = () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    const children = [spins()];
    const pidOf = (i: number) => children[i]?.pid as number;
    const watch = new ProcessWatch(() => children.map((_, i) => ({ name: `child ${i}`, pid: pidOf(i) })));
    try {
      await sleep(200);
      process.kill(pidOf(0), 'SIGSTOP');
      await sleep(50);
      const begun = performance.now();
      await sleep(500);
      const { starvedMs, text } = watch.since(begun);
      expect(starvedMs).toBeGreaterThan(400);
      expect(text).toContain('the state of child 0 is T');
      children.push(spins());
      process.kill(pidOf(0), 'SIGKILL');
      // It takes a while on a busy machine, which it shares with other programs.
      await vi.waitFor(
        () => {
          expect(watch.since(begun).text).toContain('child 1 ran for');
          expect(watch.since(begun).starvedMs).toBeLessThan(0.8 * (performance.now() - begun));
        },
        { timeout: 15_000, interval: 200 },
      );
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await watch.close();
    }
  });

  it('sees that this thread is busy, and that it runs', async () => {
    const watch = new ProcessWatch(() => [{ name: 'another', pid: process.ppid }]);
    await sleep(150);
    const begun = performance.now();
    while (performance.now() < begun + 900);
    const { text } = watch.since(begun);
    await watch.close();
    const loopLateMs = Number(/the event loop by (\d+) ms/.exec(text)?.[1]);
    expect(loopLateMs).toBeGreaterThanOrEqual(290);
    expect(text).toContain('another ran for');
    expect(Number(/this process ran for (\d+) ms/.exec(text)?.[1])).toBeGreaterThan(10);
  });
});

describe('the report', () => {
  const attaches = {
    attaches: 2,
    waitMs: 4,
    addressMs: 2,
    controllerMs: 60,
    queuePairsMs: 20,
    describeMs: 2,
  };
  const detaches = { detaches: 1, drainMs: 7, disconnectMs: 1, lingerMs: 50, destroyMs: 9 };
  const clean: SoakReport = {
    schema: 1,
    spdk: 'SPDK v20.07',
    environment: reportOf().environment,
    distributionMs: {
      attach: [],
      detach: [],
      reset: [],
      read: [{ upTo: 1, count: 100 }],
      write: [],
      close: [],
    },
    timeline: [
      {
        ...{ atMs: 0, ms: 1_000, cycles: 1, reads: 100, writes: 0, failed: 3, rssMiB: 80 },
        ...attaches,
        ...detaches,
      },
    ],
    events: [{ atMs: 300, text: 'fault: port-closed' }],
    device: 'rxe0',
    workload: 'controllers',
    seed: 5,
    minutes: 2,
    controllers: 4,
    pollers: 2,
    cycles: 10,
    operations: {
      ...new Findings(() => {}).operations,
      read: { succeeded: 100, failed: { ERR_SPDK_ABORTED: 3 } },
    },
    faults: { 'port-closed': 2 },
    bytesVerified: 2 ** 20,
    mismatches: 0,
    hangs: 0,
    starved: { operations: 0, longestMs: 0 },
    unexpected: {},
    leaks: countsOf(() => 0),
    rssGrowthKiB: 10,
    controllersRetained: 0,
    seconds: 120,
    interrupted: false,
  };

  it('of a clean run says so', () => {
    expect(findings(clean)).toEqual([]);
    expect(statusOf(clean)).toBe(0);
    const text = renderReport(clean);
    expect(text).toContain('seed 5');
    expect(text).toContain('3 ERR_SPDK_ABORTED');
    expect(text).toMatch(/\nClean\n$/);
  });

  it('draws the phases of attaches and detaches', () => {
    const { charts } = soakDocument(clean);
    const shown = charts.map(({ title, series }) => [title, series.map(({ values }) => values[0])]);
    expect(Object.fromEntries(shown)).toMatchObject({
      'Phases of an attach': [2, 1, 30, 10, 1],
      'Phases of a detach': [7, 1, 50, 9],
    });
  });

  it.each<[Partial<SoakReport>, RegExp]>([
    [{ mismatches: 1 }, /wrong data/],
    [{ hangs: 1 }, /1 operation hung/],
    [
      { starved: { operations: 24, longestMs: 2_310.4 } },
      /24 operations timed out .* starved or stopped for up to 2310 ms/,
    ],
    [{ unexpected: { ERR_SPDK_INTERNAL: 2 } }, /2 ERR_SPDK_INTERNAL/],
    [{ leaks: { ...clean.leaks, qp: 3 } }, /leaked 3 qp/],
    [{ controllersRetained: 4 }, /4 of the detached/],
    [{ rssGrowthKiB: 100_000 }, /resident memory/],
    [{ cycles: 0 }, /nothing was done/],
  ])('with %o complains', (change, what) => {
    const report = { ...clean, ...change };
    const said = new RegExp(what.source, 'i'); // the table begins with a capital
    expect(findings(report).join('; ')).toMatch(what);
    expect(statusOf(report)).toBe(1);
    expect(renderReport(report)).toMatch(said);
  });
});

describe('the command line', () => {
  const silent = { writeOut: () => {}, writeErr: () => {} };

  it('has defaults, and a seed of its own', () => {
    const parsed = parseArguments([], silent);
    expect(parsed).toMatchObject({
      options: { workload: 'controllers', minutes: 2, controllers: 4, pollers: 2 },
      files: { json: undefined },
    });
    expect(parseArguments(['--seed', '7', '--minutes', '30'], silent)).toMatchObject({
      options: { seed: 7, minutes: 30 },
    });
  });

  it.each([
    ['--minutes', '0'],
    ['--seed', '-1'],
    ['--controllers', '17'],
    ['--workload', 'other'],
    ['--json', '/nowhere/x'],
    ['--no'],
  ])('rejects %s %s', (...words) => {
    expect(parseArguments(words, silent)).toEqual({ status: 2 });
  });
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s to this process alone ends a worker on this host',
  async (name) => {
    const worker = `process.on('${name}', () => process.exit(7)); console.log('ready'); setInterval(() => {}, 1000)`;
    const stdout = new PassThrough();
    const before = process.listeners(name);
    const run = runHere([process.execPath, '-e', worker], { stdout });
    await once(stdout, 'data');
    const [passOn] = process.listeners(name).filter((listener) => !before.includes(listener));
    passOn?.(name);
    expect(await run).toBe(7);
    expect(process.listeners(name)).toEqual(before);
  },
);

it('a worker on this host that hangs is killed with all that it has started', async () => {
  const worker = `const { pid } = require('node:child_process').spawn('sleep', ['1000']);
    console.log(pid); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)`;
  const stdout = new PassThrough();
  const silence = new AbortController();
  const run = runHere([process.execPath, '-e', worker], { stdout, signal: silence.signal });
  const [pid] = await once(stdout, 'data');
  silence.abort();
  expect(await run).toBe(137);
  // No process waits for the child, so it may remain as a zombie.
  await vi.waitFor(() => expect(['ended', 'Z']).toContain(stateOf(Number(pid))), { timeout: 10_000 });
});
