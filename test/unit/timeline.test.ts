import { describe, expect, it, vi } from 'vitest';
import { Timeline } from '../../cli/engine/measure/timeline.js';

const timeline = () => new Timeline<'count' | 'longest'>({ count: 'sum', longest: 'max' });

describe('a timeline', () => {
  it('adds up and keeps maxima in each second, and shows seconds in which nothing happened', () => {
    const line = timeline();
    line.add({ count: 1, longest: 5 }, 100);
    line.add({ count: 2, longest: 3 }, 900);
    line.add({ count: 4 }, 2_000);
    expect(line.rows()).toEqual([
      { atMs: 0, ms: 1_000, count: 3, longest: 5 },
      { atMs: 1_000, ms: 1_000, count: 0, longest: 0 },
      { atMs: 2_000, ms: 1_000, count: 4, longest: 0 },
    ]);
    line.begin();
    expect(line.rows()).toEqual([]);
  });

  it('ends with an interval as long as it lasted, and shows that nothing happened at the end', () => {
    const line = timeline();
    line.add({ count: 4 }, 400);
    line.end(2_600);
    expect(line.rows()).toEqual([
      { atMs: 0, ms: 1_000, count: 4, longest: 0 },
      { atMs: 1_000, ms: 1_000, count: 0, longest: 0 },
      { atMs: 2_000, ms: 600, count: 0, longest: 0 },
    ]);
  });

  it('has no last interval of a few milliseconds: its rate would be a peak, or a standstill', () => {
    const line = timeline();
    line.add({ count: 30, longest: 5 }, 400);
    line.add({ count: 1, longest: 7 }, 1_005);
    line.end(1_010);
    expect(line.rows()).toEqual([{ atMs: 0, ms: 1_010, count: 31, longest: 7 }]);
    line.begin();
    line.add({ count: 1 }, 100);
    line.end(200);
    expect(line.rows()).toEqual([{ atMs: 0, ms: 200, count: 1, longest: 0 }]);
  });

  it('counts what happens after its end as its end', () => {
    const line = timeline();
    line.add({ count: 4 }, 400);
    line.end(1_800);
    const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
    line.add({ count: 1 });
    now.mockRestore();
    expect(line.rows()).toEqual([
      { atMs: 0, ms: 1_000, count: 4, longest: 0 },
      { atMs: 1_000, ms: 800, count: 1, longest: 0 },
    ]);
  });

  it('joins intervals rather than growing without end, and loses nothing', () => {
    const line = timeline();
    const seconds = 10_000;
    for (let second = 0; second < seconds; second++) line.add({ count: 1, longest: second }, second * 1_000);
    const rows = line.rows();
    expect(rows.length).toBeLessThanOrEqual(1_200);
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(seconds);
    expect(rows.at(-1)?.longest).toBe(seconds - 1);
    const [first] = rows;
    expect(first).toEqual({ atMs: 0, ms: 16_000, count: 16, longest: 15 });
  });
});
