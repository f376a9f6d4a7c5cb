import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { UntilMark } from '../../scripts/fabric/marker.js';
import { Tail } from '../../scripts/fabric/tail.js';

const MARK = 'abcabd';

function pass(chunks: string[]): { stream: UntilMark; text: Promise<string> } {
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(new UntilMark(MARK));
  return { stream, text: buffer(stream).then((all) => all.toString()) };
}

describe('UntilMark', () => {
  it.each([
    ['in one piece', ['before', `${MARK}after`]],
    ['cut anywhere', [...`before${MARK}after`]],
    ['behind its own beginning', ['before', 'abcabd']],
  ])('ends at a mark %s', async (_, chunks) => {
    const { stream, text } = pass(chunks);
    expect(await text).toBe('before');
    expect(stream.found).toBe(true);
  });

  it('keeps what only looks like a mark', async () => {
    const { stream, text } = pass(['abcab', 'cabc', 'abc']);
    expect(await text).toBe('abcabcabcabc');
    expect(stream.found).toBe(false);
  });

  it('finds a mark that overlaps a false start', async () => {
    const { text } = pass(['abc', 'abcabd']);
    expect(await text).toBe('abc');
  });

  it('passes a prompt on at once', async () => {
    const stream = new UntilMark(MARK);
    stream.write('name: ');
    expect(String(stream.read())).toBe('name: ');
  });
});

describe('Tail', () => {
  it('keeps the last lines without terminal sequences', () => {
    const tail = new Tail();
    tail.add(Buffer.from('first\r\n'.repeat(10_000)));
    tail.add(Buffer.from('\x1b[2Jsecond\r\nthird\r\n\r\n'));
    expect(tail.lines(2)).toBe('second\nthird');
  });

  it('begins no later than the line that is looked for', () => {
    const tail = new Tail();
    tail.add(Buffer.from('boot\npanic: why\ntrace\ntrace\nend\n'));
    expect(tail.lines(2, /panic/)).toBe('panic: why\ntrace\ntrace\nend');
    expect(tail.lines(5, /trace/)).toBe('boot\npanic: why\ntrace\ntrace\nend');
    expect(tail.lines(2, /oops/)).toBe('trace\nend');
  });
});
