// `perf` with a target in memory: what a disk does wrong is found by `--verify`, and what a run says of itself is right. Longer than other
// files: all of it shares one disk that can be made to do wrong.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IoMeter } from '../../cli/workloads/io-meter.js';
import { Pace } from '../../cli/workloads/pace.js';
import { Environment } from '../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { replacing } from '../support/options.js';
import { runVerb } from './memory/command-line.js';

const KiB = 1024;

/** How much of their time runs take: the command line has whole seconds, which most of these tests do not need. */
const time = vi.hoisted(() => ({ part: 0.25 }));
vi.mock(import('../../cli/workloads/perf.js'), async (original) => {
  const { runPerf } = await original();
  return {
    runPerf: (environment, controller, namespace, plan, limits) =>
      runPerf(environment, controller, namespace, { ...plan, seconds: plan.seconds * time.part }, limits),
  };
});

let simulation: Simulation;
let subsystem: MemorySubsystem;
let disk: MemoryNamespace;
beforeEach(() => {
  time.part = 0.25;
  simulation = simulate();
  subsystem = simulation.addTarget().addSubsystem('nqn.2026-11.dev.spdk-nvme:perf');
  disk = subsystem.addNamespace(1, { blocks: 512 });
  disk.data.fill(7);
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

async function perf(words: readonly string[], onError?: (text: string) => void) {
  const given = ['perf', '-r', subsystem.id, '--seconds', '1', '--ramp', '0', '--rate', '2000', '-o', 'json'];
  const { status, stdout, stderr } = await runVerb(replacing(given, words), onError);
  return { status, stderr, report: stdout.length === 0 ? undefined : JSON.parse(stdout.toString()) };
}

const verify = ['--verify', '--allow-writes', '--workload', 'randrw', '--depth', '4', '--io-size', '1k'];

/** What the disk does with what is written from now on; the first writes fill the range. */
function onWrite(change: (place: Uint8Array, data: ArrayLike<number>, offset: number) => void): void {
  const { data } = disk;
  const subarray = data.subarray.bind(data);
  data.subarray = (from?: number, to?: number) => {
    const part = subarray(from, to);
    const inner = part.subarray.bind(part);
    part.subarray = (begin?: number, end?: number) => {
      const place = inner(begin, end);
      place.set = (written) => change(place, written, (from ?? 0) + (begin ?? 0));
      return place;
    };
    return part;
  };
}

/** Calls a function a moment after the first read has come to the disk: perf has attached it and knows its size. */
function afterFirstRead(act: () => void): void {
  const { data } = disk;
  const subarray = data.subarray.bind(data);
  data.subarray = (from?: number, to?: number) => {
    data.subarray = subarray;
    setTimeout(act, 50);
    return subarray(from, to);
  };
}

/** Runs it, on a busy machine for longer, until it has done something worth checking. */
async function untilBusy(words: readonly string[]) {
  for (const seconds of ['1', '20']) {
    const ended = await perf([...words, '--seconds', seconds]);
    const { operations = 0, reads = 0 } = ended.report ?? {};
    if (Math.min(reads, operations - reads) > 100) return ended;
  }
  return perf([...words, '--seconds', '80']);
}

it.each(['batch', 'promise'])(
  'finds nothing on a disk that is right, and stays in its range: %s',
  async (api) => {
    const range = ['--offset', '64k', '--length', '128k', '--api', api];
    const { status, report } = await untilBusy([...verify, ...range]);
    expect(report.findings).toEqual([]);
    expect(status).toBe(0);
    expect(report).toMatchObject({ mismatches: 0, offset: 64 * KiB, length: 128 * KiB });
    expect(report.reads).toBeGreaterThan(100);
    expect(report.operations - report.reads).toBeGreaterThan(100);
    const outside = [...disk.data.subarray(0, 64 * KiB), ...disk.data.subarray(192 * KiB)];
    expect(outside.every((byte) => byte === 7)).toBe(true);
    expect(disk.data.subarray(64 * KiB, 192 * KiB).every((byte) => byte === 7)).toBe(false);
  },
);

it.each([
  [[...verify, '--offset', '64k', '--length', '128k'], 'bytes 65536 to 196607 of namespace 1'],
  [replacing(verify, ['--workload', 'randread']), 'bytes 0 to 262143 of namespace 1, the whole namespace'],
  [['--allow-writes', '--workload', 'randwrite', '--length', '4k'], 'bytes 0 to 4095 of namespace 1'],
])('says what it overwrites before the first write: %j', async (words, range) => {
  const said: string[] = [];
  const saidBeforeWrite: string[] = [];
  onWrite((place, data) => {
    if (saidBeforeWrite.length === 0) saidBeforeWrite.push(said.join(''));
    Uint8Array.prototype.set.call(place, data);
  });
  await perf(words, (text) => said.push(text));
  expect(saidBeforeWrite).toEqual([`spdk-nvme: perf overwrites ${range}\n`]);
});

it('finds a changed byte wherever it is', async () => {
  onWrite((place, data) => {
    Uint8Array.prototype.set.call(place, data);
    // Of each piece that is written, one byte in the middle of a block.
    place[300] = 255 - (place[300] as number);
  });
  const { status, report } = await perf([...verify, '--length', '64k']);
  expect(status).toBe(1);
  expect(report.findings).toEqual([
    expect.stringMatching(/reads returned wrong data.* not what was written$/),
  ]);
});

it.each(['batch', 'promise'])(
  'finds a write that was lost, even if nothing read it since: %s',
  async (api) => {
    let writes = 0;
    onWrite((place, data) => {
      // The range is filled by one write; later ones are lost now and then.
      if (writes++ % 3 !== 2) Uint8Array.prototype.set.call(place, data);
    });
    const words = replacing(verify, ['--workload', 'randwrite', '--length', '64k', '--api', api]);
    const { status, report } = await perf(words);
    expect(status).toBe(1);
    expect(report.reads).toBe(0);
    expect(report.findings).toEqual([expect.stringMatching(/wrong data; .* a write is lost$/)]);
  },
);

it.each(['batch', 'promise'])('takes the time between operations for no timeout: %s', async (api) => {
  // The one operation of each second takes a moment; the rest of the second is more than --timeout.
  time.part = 1;
  const { status, report } = await perf(['--rate', '1', '--timeout', '700', '--api', api]);
  expect({ status, findings: report.findings }).toEqual({ status: 0, findings: [] });
});

it.each([
  ['batch', 'threads'],
  ['batch', 'adaptive'],
  ['batch', 'inline'],
  ['promise', 'adaptive'],
])('keeps to a rate whatever the latency: %s, %s', async (api, polling) => {
  subsystem.target.latencyMs = 200;
  time.part = 1;
  const words = ['--rate', '200', '--depth', '64', '--api', api, '--polling', polling];
  let seconds = 1;
  let ended = await perf(words);
  // What a busy machine keeps it from is not made up for: then more time, a few times. Each wait for a response would leave a quarter.
  for (let more = 0; more < 4 && ended.report.operations <= 100 * seconds; more++) {
    seconds = 5;
    ended = await perf([...words, '--seconds', String(seconds)]);
  }
  const { status, report } = ended;
  expect({ status, findings: report.findings }).toEqual({ status: 0, findings: [] });
  expect(report.operations).toBeGreaterThan(100 * seconds);
  expect(report.operations).toBeLessThanOrEqual(200 * seconds);
});

describe('a namespace that changes in the middle', () => {
  const changes = [
    ['is removed', () => subsystem.removeNamespace(1)],
    ['shrinks', () => subsystem.resizeNamespace(1, 8)],
  ] as const;
  const cases = changes.flatMap(([what, change]) =>
    ['batch', 'promise'].flatMap((api) => ['0', '60'].map((ramp) => ({ what, api, ramp, change }))),
  );

  it.each(cases)('ends the run if it $what: $api, ramp of $ramp s', async ({ api, ramp, change }) => {
    afterFirstRead(change);
    const begun = performance.now();
    const { status, report, stderr } = await perf(['--api', api, '--ramp', ramp, '--seconds', '60']);
    expect(status).toBe(1);
    const said = report && 'findings' in report ? report.findings.join() : stderr;
    expect(said).toMatch(/ERR_SPDK_(NAMESPACE_GONE|OUT_OF_RANGE)/);
    // It would last a minute.
    expect(performance.now() - begun).toBeLessThan(40_000);
  });
});

describe('the pace of a rate', () => {
  /** How many operations begin in a second, if that is checked at this interval. */
  function inOneSecond(rate: number, everyMs: number, start = 12_345): number {
    const pace = new Pace(rate);
    let count = 0;
    for (let now = start; now < start + 1_000; now += everyMs) while (pace.mayStart(now)) count++;
    return count;
  }

  it.each([
    [1, 1],
    [3, 50],
    [10, 1],
  ])('begins %i a second and no more', (rate, everyMs) => {
    expect(inOneSecond(rate, everyMs)).toBe(rate);
  });

  it('is reached where each wait takes as long as many operations', () => {
    for (const everyMs of [1.2, 7]) {
      const count = inOneSecond(50_000, everyMs);
      expect(count).toBeGreaterThan(49_000);
      expect(count).toBeLessThanOrEqual(50_000);
    }
  });

  it('is shared by queues, which take turns', () => {
    const paces = [0, 1, 2, 3].map((queue) => new Pace(1, queue / 4));
    const first = paces.map((pace) => {
      let now = 0;
      while (!pace.mayStart(now)) now += 50;
      return now;
    });
    expect(first).toEqual([0, 250, 500, 750]);
  });

  it('does not make up for a long pause', () => {
    const pace = new Pace(1_000);
    pace.mayStart(0);
    let count = 0;
    while (pace.mayStart(60_000)) count++;
    expect(count).toBeLessThan(50);
  });

  it('lets a run look at its end and at signals, however low the rate is', () => {
    const pace = new Pace(0.01);
    pace.mayStart(0);
    expect(pace.delay(1)).toBeLessThanOrEqual(50);
  });
});

it.each(['batch', 'promise'])('makes its memory before it measures: %s', async (api) => {
  const order: string[] = [];
  const { allocate } = Environment.prototype;
  vi.spyOn(Environment.prototype, 'allocate').mockImplementation(function (this: Environment, bytes) {
    order.push('memory');
    return allocate.call(this, bytes);
  });
  const { begin } = IoMeter.prototype;
  vi.spyOn(IoMeter.prototype, 'begin').mockImplementation(function (this: IoMeter) {
    order.push('measurement');
    begin.call(this);
  });
  await perf(['--api', api, '--depth', '2']);
  expect(order).toEqual([...(api === 'batch' ? ['memory'] : ['memory', 'memory']), 'measurement']);
});

it('says that a run has done nothing', async () => {
  vi.spyOn(Pace.prototype, 'mayStart').mockReturnValue(false);
  const { status, report } = await perf([]);
  expect({ status, findings: report.findings }).toEqual({ status: 1, findings: ['no operation was done'] });
});

it('says that the target grants fewer queues', async () => {
  subsystem.maxIoQueues = 1;
  const { status, report } = await perf(['--io-queues', '4']);
  expect({ status, findings: report.findings }).toEqual({
    status: 1,
    findings: ['FEWER_IO_QUEUES: the target granted 1 of 4 I/O queues'],
  });
});

it.each(['batch', 'promise'])(
  'says that the target grants shorter queues, and sends no more: %s',
  async (api) => {
    subsystem.maxQueueDepth = 4;
    subsystem.target.latencyMs = 50;
    const { status, report } = await perf(['--depth', '32', '--api', api]);
    expect({ status, findings: report.findings }).toEqual({
      status: 1,
      findings: ['SHORTER_IO_QUEUES: the target granted a depth of 3 instead of 32'],
    });
    // What waits on this side would count as latency.
    expect(report.latencyUs.p50).toBeLessThan(300_000);
  },
);

it('asks for an entry more than commands, which a queue of SPDK v22.05 and later needs', async () => {
  const attach = vi.spyOn(Environment.prototype, 'attach');
  await perf(['--depth', '2']);
  await perf(['--depth', '32768', '--io-size', '512']);
  expect(attach.mock.calls.map(([, options]) => options?.queueDepth)).toEqual([3, 32_768]);
});

it.each([
  ['batch', '0'],
  ['promise', '0'],
  // The signal comes during the ramp.
  ['batch', '60'],
  ['promise', '60'],
])('reports after Ctrl-C, however slow the commands are: %s, ramp of %s s', async (api, ramp) => {
  afterFirstRead(() => {
    subsystem.target.latencyMs = 60_000;
    setTimeout(() => process.emit('SIGINT'), 300);
  });
  const begun = performance.now();
  const words = ['--api', api, '--ramp', ramp, '--seconds', '60', '--timeout', '60000'];
  const { status, report } = await perf(words);
  expect({ status, report }).toMatchObject({ status: 130, report: { interrupted: true, findings: [] } });
  expect(performance.now() - begun).toBeLessThan(15_000);
});

it.each([
  [['--read-percent', '30'], '--read-percent needs a mixed workload'],
  [[...verify, '--length', '3k'], '--verify takes from 4'],
  [['--offset', '1000'], '--offset 1000 is not a multiple'],
  [['--offset', '1M'], 'past the end'],
  [['--length', '2k'], '--io-size 4096 is more than the 2048 bytes of the range'],
  [['-N', '2'], '--api batch does not work with namespaces that have metadata'],
])('%j is rejected', async (words, why) => {
  if (words[0] === '-N') subsystem.addNamespace(2, { blocks: 512, metadataSize: 8 });
  const { status, stderr } = await perf(words);
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(why) });
  expect(disk.data.every((byte) => byte === 7)).toBe(true);
});

it.each([
  [1_990, [1_000, 1_990]],
  [1_200, [1_000]],
])('a measurement of %d ms has intervals that end at %j: the last is left out if it is short', (ms, ends) => {
  const now = vi.spyOn(performance, 'now');
  const at = (time: number, work: () => void) => {
    now.mockReturnValue(time);
    work();
  };
  const meter = new IoMeter();
  at(5_000, () => meter.begin());
  at(6_000, () => meter.add(5_999, 6_000, KiB, false));
  at(5_000 + ms, () => {
    meter.add(5_000 + ms, 5_000 + ms, KiB, false);
    meter.end();
  });
  expect(meter.intervals.map(({ atMs }) => atMs)).toEqual(ends);
});
