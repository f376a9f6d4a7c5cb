import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../../scripts/stress/arguments.js';
import { targets } from '../../scripts/stress/target.js';

const folder = mkdtempSync(join(tmpdir(), 'stress-'));
afterAll(() => rmSync(folder, { recursive: true }));

function parse(...words: string[]) {
  let out = '';
  let err = '';
  const parsed = parseArguments(words, {
    writeOut: (text) => {
      out += text;
    },
    writeErr: (text) => {
      err += text;
    },
  });
  return { parsed, out, err };
}

describe('arguments of the stress script', () => {
  it('has a default for everything', () => {
    expect(parse().parsed).toEqual({
      options: { loops: 100, pollers: 2, ioQueues: 2, controllers: 2 },
      json: undefined,
    });
  });

  it('takes every option', () => {
    const file = join(folder, 'report.json');
    const words = `--loops 500 --pollers 3 --io-queues 4 --controllers 5 --json ${file}`;
    expect(parse(...words.split(' ')).parsed).toEqual({
      options: { loops: 500, pollers: 3, ioQueues: 4, controllers: 5 },
      json: file,
    });
  });

  it('ends by time instead of loops', () => {
    const { parsed } = parse('--seconds', '30');
    expect(parsed).toMatchObject({ options: { seconds: 30 } });
    expect(parsed).not.toHaveProperty('options.loops');
  });

  it('explains itself', () => {
    const { parsed, out } = parse('--help');
    expect(parsed).toEqual({ status: 0 });
    for (const word of ['--loops', '--pollers', '--io-queues', '--controllers', '--seconds', '--json']) {
      expect(out).toContain(word);
    }
  });

  it.each([
    [['--loops', '0'], "'0' is invalid. Give a whole number from 1 to"],
    [['--loops', '1e3'], "'1e3' is invalid"],
    [['--loops', '-1'], "'-1' is invalid"],
    [['--loops', ''], "'' is invalid"],
    [['--loops'], 'argument missing'],
    [['--pollers', '65'], 'from 1 to 64'],
    [['--io-queues', '2.5'], "'2.5' is invalid"],
    [['--controllers', String(targets.length + 1)], `from 1 to ${targets.length}`],
    [['--seconds', 'long'], "'long' is invalid"],
    [['--loops', '1', '--seconds', '1'], 'cannot be used with'],
    [['--json', '/no/such/folder/report.json'], 'Make the folder /no/such/folder first'],
    [['--json', tmpdir()], 'Give the name of a file'],
    [['--json', ''], 'Give the name of a file'],
    [['--loop', '1'], '--loops'],
    [['100'], 'too many arguments'],
  ])('refuses %j with status 2 and one clear line', (words, message) => {
    const { parsed, err } = parse(...words);
    expect(parsed).toEqual({ status: 2 });
    expect(err).toContain(message);
  });
});
