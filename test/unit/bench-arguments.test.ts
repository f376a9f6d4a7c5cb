import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../scripts/bench/arguments.js';
import { type AttachDetachPlan, totalCycles, turns } from '../../scripts/bench/plan.js';

function parseWith(words: readonly string[]) {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  return { parsed: parseArguments(words, { writeErr: write, writeOut: write }), written: written.join('') };
}

function parse(...words: string[]) {
  const { parsed } = parseWith(words);
  return parsed.status === undefined ? parsed.options : undefined;
}

function rejection(...words: string[]): string {
  const { parsed, written } = parseWith(words);
  expect(parsed.status).toBe(2);
  return written;
}

const io = {
  only: ['attach', 'tcp', 'rdma', 'workers', 'streams', 'memory', 'scale'],
  ioRounds: 3,
  ioSeconds: 2,
  polling: 'adaptive',
};

describe('arguments', () => {
  it('have defaults', () => {
    expect(parse()).toEqual({ cycles: 100, rounds: 5, ioQueues: [1, 2, 4], cliCycles: 10, ...io });
  });

  it('are read', () => {
    const words = [
      '--cycles',
      '40',
      '--rounds=2',
      '--io-queues',
      '8, 1,8',
      '--cli-cycles',
      '0',
      '--polling',
      'threads',
      '--json',
      'x.json',
    ];
    expect(parse(...words)).toEqual({
      ...io,
      cycles: 40,
      rounds: 2,
      ioQueues: [8, 1],
      cliCycles: 0,
      polling: 'threads',
      json: 'x.json',
    });
  });

  it.each([
    [['--cycles', '0'], 'integer from 1'],
    [['--cycles', '-5'], 'integer from 1'],
    [['--cycles', '1e3'], 'integer from 1'],
    [['--cycles', '1.5'], 'integer from 1'],
    [['--rounds', 'many'], 'integer from 1'],
    [['--io-queues', ''], 'integer from 1 to 64'],
    [['--io-queues', '1,,2'], 'integer from 1 to 64'],
    [['--io-queues', '65'], 'integer from 1 to 64'],
    [['--cli-cycles', '-1'], 'integer from 0'],
    [['--cycles', '4', '--rounds', '5'], 'needs at least as many --cycles'],
    [['--polling', 'often'], 'Allowed choices are'],
    [['--loops', '4'], 'unknown option'],
    [['surprise'], 'too many arguments'],
  ])('%j are rejected', (words, reason) => {
    expect(rejection(...words)).toContain(reason);
  });
});

describe('turns', () => {
  it.each([
    [100, 5, [20, 20, 20, 20, 20]],
    [10, 4, [2, 3, 2, 3]],
    [2, 4, [0, 1, 0, 1]],
    [0, 3, [0, 0, 0]],
    [7, 1, [7]],
  ])('divide %i cycles into %i', (cycles, rounds, expected) => {
    expect(turns(cycles, rounds)).toEqual(expected);
  });

  it('add up to the cycles asked for', () => {
    for (let cycles = 0; cycles < 60; cycles++) {
      for (let rounds = 1; rounds < 12; rounds++) {
        expect(turns(cycles, rounds).reduce((sum, count) => sum + count, 0)).toBe(cycles);
      }
    }
  });

  it('are counted for the progress', () => {
    const plan = { ioQueues: [1, 2, 4], cycles: 100, cliCycles: 10 } as unknown as AttachDetachPlan;
    expect(totalCycles(plan)).toBe(630);
  });
});
