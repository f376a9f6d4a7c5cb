import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { LineReader } from '../../cli/engine/process/lines.js';
import { decodeMessage, encodeMessage } from '../../cli/engine/process/messages.js';
import { duration, progressView, summarize } from '../../cli/engine/terminal/progress.js';
import { reportOf } from './stress-report.js';

const options = { loops: 100, pollers: 2, ioQueues: 2, controllers: 2 };
const at = (loops: number, elapsedMs: number) => ({ loops, failed: 0, hangs: 0, elapsedMs });

describe('progress', () => {
  it('shows loops, rate and time left', () => {
    expect(summarize(options, at(25, 10_000))).toEqual({
      fraction: 0.25,
      text: '25/100 loops, 2.5/s, 30 s left',
    });
  });

  it('knows no rate before the first loop', () => {
    expect(summarize(options, at(0, 500))).toEqual({ fraction: 0, text: '0/100 loops' });
  });

  it('counts time where time ends the run', () => {
    const timed = { ...options, loops: undefined, seconds: 100 };
    expect(summarize(timed, at(50, 25_000))).toEqual({ fraction: 0.25, text: '50 loops, 2.0/s, 1:15 left' });
    expect(summarize(timed, at(50, 101_000)).fraction).toBe(1);
  });

  it('shows failures and hangs as they come', () => {
    const { text } = summarize(options, { loops: 10, failed: 2, hangs: 1, elapsedMs: 1_000 });
    expect(text).toBe('10/100 loops, 10.0/s, 9 s left, 2 failed, 1 hung');
  });

  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [60, '1:00'],
    [3599, '59:59'],
    [3661, '1:01:01'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it.each([
    ['there is no terminal', {}],
    ['the terminal can only print lines', { isTTY: true }],
  ])('is a line now and then where %s', async (_, terminal) => {
    vi.stubEnv('TERM', 'dumb');
    onTestFinished(() => void vi.unstubAllEnvs());
    const stream = Object.assign(new PassThrough(), terminal);
    const view = progressView(options, stream as unknown as NodeJS.WriteStream);
    for (let i = 0; i <= 60; i++) view.update(at(i, i * 200));
    view.write('Loop 61: something\n');
    view.end();
    stream.end();
    const shown = Buffer.concat(await stream.toArray()).toString();
    expect(shown.split('\n')).toEqual([
      '0/100 loops',
      '25/100 loops, 5.0/s, 15 s left',
      '50/100 loops, 5.0/s, 10 s left',
      'Loop 61: something',
      '60/100 loops, 5.0/s, 8 s left',
      '',
    ]);
  });
});

describe('what the worker says', () => {
  it('arrives as it was sent', () => {
    const message = { type: 'report', report: reportOf() } as const;
    expect(decodeMessage(encodeMessage(message).trimEnd())).toEqual(message);
  });

  it.each(['', 'EAL: something', '{"type":"progress"', '{}'])('is not %j', (line) => {
    expect(decodeMessage(line)).toBeUndefined();
  });

  it('is read line by line, however it was cut', () => {
    const lines: string[] = [];
    const reader = new LineReader((line) => lines.push(line));
    for (const byte of Buffer.from('one\ntwö\n\nrest')) reader.write(Buffer.from([byte]));
    expect(lines).toEqual(['one', 'twö', '']);
    reader.flush();
    reader.flush();
    expect(lines).toEqual(['one', 'twö', '', 'rest']);
  });
});
