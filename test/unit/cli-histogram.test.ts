import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../cli/engine/measure/histogram.js';

describe('the histogram of durations', () => {
  it('gives percentiles within a bucket of the exact ones', () => {
    const durations = fc.array(fc.integer({ min: 0, max: 2 ** 44 - 1 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(durations, fc.integer({ min: 1, max: 1000 }), (values, permille) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil((permille / 1000) * values.length)) - 1] as number;
        const found = histogram.percentile(permille / 10);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(Math.ceil(exact * 1.008) + 1);
      }),
    );
  });

  it('counts ranks exactly', () => {
    const histogram = new Histogram();
    for (let i = 0; i < 1_000; i++) histogram.record(i < 999 ? 100 : 200);
    expect([99.8, 99.9, 100].map((percent) => histogram.percentile(percent))).toEqual([100, 100, 200]);
  });

  it('keeps mean and maximum exactly, beyond its range too', () => {
    const histogram = new Histogram();
    histogram.record(1_000);
    histogram.record(5e13);
    expect(histogram).toMatchObject({ total: 2, max: 5e13, mean: (5e13 + 1_000) / 2 });
  });

  it('gives the distribution in ranges that hold all values, after an empty one', () => {
    const histogram = new Histogram();
    expect(histogram.bins()).toEqual([]);
    for (const value of [1_000, 1_000, 1_010, 4_000]) histogram.record(value);
    const bins = histogram.bins();
    const filled = bins.filter(({ count }) => count > 0);
    expect(bins[0]?.count).toBe(0);
    expect(filled.map(({ count }) => count)).toEqual([3, 1]);
    expect(bins.at(-1)).toBe(filled[1]);
    const [below, low] = bins;
    expect(below?.upTo).toBeLessThan(1_000);
    expect(low?.upTo).toBeGreaterThanOrEqual(1_010);
    expect(filled[1]?.upTo).toBeGreaterThanOrEqual(4_000);
  });

  it('adds up', () => {
    const [one, other] = [new Histogram(), new Histogram()];
    one.record(100);
    other.record(300);
    one.add(other);
    expect(one).toMatchObject({ total: 2, max: 300, mean: 200 });
    one.reset();
    expect(one).toMatchObject({ total: 0, max: 0 });
  });
});
