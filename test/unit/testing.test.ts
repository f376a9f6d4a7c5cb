// What `npm test` is made of: no part can pass without having run.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseArguments, partNames } from '../../scripts/testing/arguments.js';
import { command, runChecks } from '../../scripts/testing/checks.js';
import { duration } from '../../scripts/testing/duration.js';
import { filesOfReleases, nodeOfThisMajor } from '../../scripts/testing/node-releases.js';
import { Random } from '../../scripts/testing/random.js';
import { runParts } from '../../scripts/testing/session.js';

const { signal } = new AbortController();
let printed: string[];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(line));
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

describe('the parts of a run', () => {
  const part = (title: string, passed: number, ...failures: string[]) => ({
    title,
    run: async () => ({ passed, failures, skipped: 0 }),
  });

  it('are summed up in a last line, each with its time before it', async () => {
    expect(await runParts([part('One', 2), part('Two', 3)])).toBe(0);
    expect(printed.slice(-3)).toEqual([
      'One: 2 passed, 0 failed (0 s)',
      'Two: 3 passed, 0 failed (0 s)',
      '\n5 passed, 0 failed',
    ]);
  });

  it('end with the name of each test that failed, before the last sum', async () => {
    expect(await runParts([part('One', 2, 'a.test.ts > a', 'b.test.ts > b'), part('Two', 3, 'lint')])).toBe(
      1,
    );
    expect(printed.slice(-5)).toEqual([
      '',
      'failed: One: a.test.ts > a',
      'failed: One: b.test.ts > b',
      'failed: Two: lint',
      '\n5 passed, 3 failed',
    ]);
  });

  it('fail when one of them ran nothing', async () => {
    expect(await runParts([part('One', 2), part('Nothing', 0)])).toBe(1);
    expect(printed.slice(-2)).toEqual(['failed: Nothing: no test was run', '\n2 passed, 1 failed']);
  });

  it('fail when one of them cannot run, and the others run', async () => {
    const broken = { title: 'Broken', run: () => Promise.reject(new Error('no')) };
    expect(await runParts([broken, part('Two', 3)])).toBe(1);
    expect(printed.slice(-2)).toEqual(['failed: Broken: did not run: no', '\n3 passed, 1 failed']);
  });
});

describe('a part that can run beside others', () => {
  const order: string[] = [];
  const noting = (name: string) => async () => {
    order.push(`${name} begins`);
    await new Promise(setImmediate);
    if (name === 'Beside') await vi.waitFor(() => expect(order).toContain('Two ends'));
    order.push(`${name} ends`);
    return { passed: 1, failures: [], skipped: 0 };
  };
  const part = (title: string) => ({ title, run: noting(title) });
  const beside = {
    ...part('Beside alone'),
    beside: async () => ({ counts: await noting('Beside')(), output: 'its output' }),
  };
  beforeEach(() => void order.splice(0));

  it('does so, and prints its output at the end', async () => {
    expect(await runParts([part('One'), beside, part('Two')])).toBe(0);
    expect(order.slice(0, 2)).toEqual(['Beside begins', 'One begins']);
    expect(order.at(-1)).toBe('Beside ends');
    const at = printed.findIndex((line) => line.includes('its output'));
    expect(at).toBeGreaterThan(printed.indexOf('\n== Two'));
    expect(printed.at(-1)).toBe('\n3 passed, 0 failed');
  });

  it('runs as the others do if there is no other', async () => {
    expect(await runParts([beside])).toBe(0);
    expect(order).toEqual(['Beside alone begins', 'Beside alone ends']);
  });

  it('fails like the others', async () => {
    const broken = { ...beside, beside: () => Promise.reject(new Error('no chrt')) };
    expect(await runParts([part('One'), broken])).toBe(1);
    expect(printed.at(-2)).toBe('failed: Beside alone: did not run: no chrt');
  });
});

describe('a part that is prepared', () => {
  const order: string[] = [];
  const part = (title: string) => ({
    title,
    run: async () => {
      order.push(`${title} runs`);
      await new Promise(setImmediate);
      return { passed: 1, failures: [], skipped: 0 };
    },
  });
  const prepared = (ends: () => Promise<void>) => ({
    ...part('Two'),
    prepare: async () => {
      order.push('Two is prepared');
      await ends();
      order.push('Two is ready');
    },
  });
  const beside = {
    ...part('Beside'),
    beside: async () => ({ counts: await part('Beside').run(), output: '' }),
  };
  beforeEach(() => void order.splice(0));

  it('is so beside those before it, waits for that, and so does what runs beside others', async () => {
    const late = () => vi.waitFor(() => expect(order).toContain('One runs'));
    expect(await runParts([beside, part('One'), prepared(late)])).toBe(0);
    expect(order.slice(0, 3)).toEqual(['Two is prepared', 'One runs', 'Two is ready']);
    expect(order.slice(3).sort()).toEqual(['Beside runs', 'Two runs']);
  });

  it('runs and reports for itself when that failed', async () => {
    expect(await runParts([part('One'), prepared(() => Promise.reject(new Error('no compiler')))])).toBe(0);
    expect(order).toEqual(['Two is prepared', 'One runs', 'Two runs']);
  });

  it('is not when nothing runs before it', async () => {
    expect(await runParts([prepared(async () => {})])).toBe(0);
    expect(order).toEqual(['Two runs']);
  });
});

it('the unit tests run on the oldest release of the line of this Node.js', () => {
  const [major] = process.versions.node.split('.');
  expect(nodeOfThisMajor()).toMatch(new RegExp(`/v${major}\\.[0-9.]+/bin/node$`));
});

describe('the unit tests on other releases', () => {
  const files = Array.from({ length: 101 }, (_, i) => `${i}.test.ts`).sort();
  const drawn = (seed: number, versions = ['20', '22', '24']) =>
    filesOfReleases(versions, files, new Random(seed));

  it('run whole on the newest, and each on one of the others', () => {
    const shares = drawn(1);
    expect(shares.get('24')).toEqual(files);
    const [first = [], second = []] = [shares.get('20'), shares.get('22')];
    expect([first.length, second.length]).toEqual([51, 50]);
    expect([...first, ...second].sort()).toEqual(files);
  });

  it('are divided anew by each seed, and in the same way by the same', () => {
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(2)).not.toEqual(drawn(1));
  });

  it('run whole where there is one other release, or two', () => {
    expect(drawn(1, ['22'])).toEqual(new Map([['22', files]]));
    expect(drawn(1, ['22', '24'])).toEqual(new Map(['22', '24'].map((version) => [version, files])));
  });
});

describe('the arguments of npm test', () => {
  const parse = (...words: string[]) => {
    const written: string[] = [];
    const write = (text: string) => void written.push(text);
    return { ...parseArguments(words, { writeOut: write, writeErr: write }), written: written.join('') };
  };

  it('run everything, or the parts that are named, in their order', () => {
    expect(parse()).toEqual({ parts: partNames, written: '' });
    expect(parse('--only', 'tcp', 'unit')).toEqual({ parts: ['unit', 'tcp'], written: '' });
    expect(parse('--only', 'unit', '--only', 'package')).toEqual({ parts: ['unit', 'package'], written: '' });
  });

  it('explain themselves', () => {
    expect(parse('--help')).toMatchObject({ status: 0, written: expect.stringContaining('node-releases') });
  });

  it.each([
    [['--olny', 'unit'], '--only'],
    [['unit'], 'too many arguments'],
    [['--only'], 'argument missing'],
    [['--only', 'units'], 'Allowed choices are source, unit'],
  ])('reject %s', (words, message) => {
    expect(parse(...words)).toMatchObject({ status: 2, written: expect.stringContaining(message) });
  });
});

describe('checks', () => {
  const node = (script: string) => ({
    name: script,
    run: async () => void (await command(process.execPath, ['-e', script], signal)),
  });

  it('pass and fail by the status of what they run, and each is run', async () => {
    const checks = [
      node('process.exit(3)'),
      node(''),
      { name: 'throws', run: () => Promise.reject(new Error('no')) },
    ];
    expect(await runChecks(checks, signal)).toEqual({
      passed: 1,
      failures: ['process.exit(3)', 'throws'],
      skipped: 0,
    });
  });

  it('show what a failed one wrote', async () => {
    await runChecks([node('console.log("out"); console.error("err"); process.exit(1)')], signal);
    expect(printed.join('\n')).toContain('out\nerr');
  });

  it('fail when their program does not exist', async () => {
    const run = async () => void (await command('/nonexistent/program', [], signal));
    expect(await runChecks([{ name: 'missing', run }], signal)).toEqual({
      passed: 0,
      failures: ['missing'],
      skipped: 0,
    });
  });

  it('end with all that their program has started', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-checks-'));
    onTestFinished(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'started');
    const stop = new AbortController();
    // The program has the standard output of its own program, as a compiler has that of its build.
    const run = command('sh', ['-c', `sleep 300 & touch ${file}; wait`], stop.signal);
    await vi.waitUntil(() => fs.existsSync(file));
    stop.abort();
    await expect(run).rejects.toThrow('SIGTERM');
  });
});

it('durations are in seconds, or minutes and seconds', () => {
  expect([400, 59_400, 59_600, 127_000].map(duration)).toEqual(['0 s', '59 s', '1 min 0 s', '2 min 7 s']);
});
