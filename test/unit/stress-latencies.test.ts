import { describe, expect, it } from 'vitest';
import { Latencies } from '../../cli/engine/measure/latencies.js';

function summaryOf(values: Iterable<number>) {
  const latencies = new Latencies();
  for (const value of values) latencies.add(value);
  return latencies.summary();
}

/** To the histogram's buckets. */
function expectAbout(actual: number | null, expected: number) {
  expect(Math.abs((actual ?? Number.NaN) - expected) / expected).toBeLessThan(0.008);
}

describe('latencies', () => {
  it('has nothing to say without a sample', () => {
    expect(summaryOf([])).toEqual({ p50: null, p90: null, p99: null, max: null });
  });

  it('is the one sample, everywhere', () => {
    expect(summaryOf([1234.56])).toEqual({ p50: 1234.56, p90: 1234.56, p99: 1234.56, max: 1234.56 });
  });

  it('finds percentiles in whatever order samples come', () => {
    const values = Array.from({ length: 1000 }, (_, i) => ((i * 389) % 1000) + 1);
    const { p50, p90, p99, max } = summaryOf(values);
    expectAbout(p50, 500);
    expectAbout(p90, 900);
    expectAbout(p99, 990);
    expect(max).toBe(1000);
  });

  it('never names more than the longest', () => {
    for (const value of [0.123, 98.765, 10_001.01, 123_456.78]) {
      const { p99, max } = summaryOf([value, value]);
      expect(p99).toBeLessThanOrEqual(max ?? 0);
    }
  });

  it('takes samples too short to measure', () => {
    expect(summaryOf([0]).max).toBe(0);
  });
});
