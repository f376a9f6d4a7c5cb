import { describe, expect, it } from 'vitest';
import { latencyStats } from '../../lib/diagnostics/latency.js';

describe('latencyStats', () => {
  it('gives the bucket of each percentile', () => {
    const buckets = [
      { endUs: 10, count: 500 },
      { endUs: 20, count: 400 },
      { endUs: 50, count: 90 },
      { endUs: 100, count: 9 },
      { endUs: 900, count: 1 },
    ];
    expect(latencyStats(buckets)).toEqual({
      count: 1000,
      p50Us: 10,
      p90Us: 20,
      p99Us: 50,
      p999Us: 100,
      maxUs: 900,
      buckets,
    });
  });

  it('is all zeroes without commands, and one bucket for all of a single one', () => {
    expect(latencyStats([])).toMatchObject({ count: 0, p50Us: 0, p99Us: 0, maxUs: 0 });
    expect(latencyStats([{ endUs: 7, count: 1 }])).toMatchObject({ p50Us: 7, p999Us: 7, maxUs: 7 });
  });
});
