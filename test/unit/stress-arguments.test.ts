import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseArguments } from '../../scripts/stress/arguments.js';
import { device, targets } from '../../scripts/stress/target.js';

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

function wordsOf(parsed: ReturnType<typeof parse>['parsed']): readonly string[] {
  return 'options' in parsed ? parsed.options.args : [];
}

describe('arguments of the stress script', () => {
  it('has a default for everything', () => {
    const { parsed } = parse();
    expect(parsed).toMatchObject({ options: { loops: 100 }, files: { json: undefined } });
    expect(wordsOf(parsed)).toEqual([
      ...['--loops', '100', '--pollers', '2', '--io-queues', '2', '--rdma-device', device],
      ...targets.slice(0, 2).flatMap((id) => ['--transport-id', id]),
    ]);
  });

  it('takes every option', () => {
    const file = join(folder, 'report.json');
    const words = `--loops 500 --pollers 3 --io-queues 4 --controllers 5 --reads --json ${file}`;
    const { parsed } = parse(...words.split(' '));
    expect(parsed).toMatchObject({ options: { loops: 500 }, files: { json: file } });
    expect(wordsOf(parsed)).toEqual([
      ...['--loops', '500', '--pollers', '3', '--io-queues', '4', '--reads', '--rdma-device', device],
      ...targets.slice(0, 5).flatMap((id) => ['--transport-id', id]),
    ]);
  });

  it('ends by time instead of loops', () => {
    const { parsed } = parse('--seconds', '30');
    expect(parsed).toMatchObject({ options: { seconds: 30 } });
    expect(parsed).not.toHaveProperty('options.loops');
    expect(wordsOf(parsed).slice(0, 2)).toEqual(['--seconds', '30']);
  });

  it('explains itself', () => {
    const { parsed, out } = parse('--help');
    expect(parsed).toEqual({ status: 0 });
    for (const word of ['--loops', '--pollers', '--io-queues', '--controllers', '--seconds', '--json']) {
      expect(out).toContain(word);
    }
  });

  it.each([
    [['--loops', '0'], "'0' is invalid. The value must be an integer from 1 to"],
    [['--loops', '1e3'], "'1e3' is invalid"],
    [['--loops', '-1'], "'-1' is invalid"],
    [['--loops', ''], "'' is invalid"],
    [['--loops'], 'argument missing'],
    [['--loops', '1', '--loops', '2'], '--loops was given twice'],
    [['--pollers', '65'], 'from 1 to 64'],
    [['--io-queues', '2.5'], "'2.5' is invalid"],
    [['--controllers', String(targets.length + 1)], `from 1 to ${targets.length}`],
    [['--seconds', 'long'], "'long' is invalid"],
    [['--loops', '1', '--seconds', '1'], 'cannot be used with'],
    [['--json', '/no/such/folder/report.json'], 'Create the folder /no/such/folder first'],
    [['--json', tmpdir()], 'must be the name of a file'],
    [['--json', ''], 'must be the name of a file'],
    [['--loop', '1'], '--loops'],
    [['100'], 'too many arguments'],
  ])('rejects %j with status 2 and one clear line', (words, message) => {
    const { parsed, err } = parse(...words);
    expect(parsed).toEqual({ status: 2 });
    expect(err).toContain(message);
  });
});
