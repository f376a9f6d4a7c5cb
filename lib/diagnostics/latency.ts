// How long commands took, from the counts of native code.

import type { LatencyStats } from '../types.js';

/** In ascending order. */
type Buckets = LatencyStats['buckets'];

/**
 * The percentiles of native code's histogram: each is the upper end of its bucket, which is at most an eighth above.
 * What the command line measures itself is in a finer histogram, cli/engine/measure/histogram.ts.
 */
export function latencyStats(buckets: Buckets): LatencyStats {
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const percentile = (part: number): number => {
    let left = Math.ceil(part * count);
    for (const bucket of buckets) {
      left -= bucket.count;
      if (left <= 0) return bucket.endUs;
    }
    return 0;
  };
  return {
    count,
    p50Us: percentile(0.5),
    p90Us: percentile(0.9),
    p99Us: percentile(0.99),
    p999Us: percentile(0.999),
    maxUs: buckets.at(-1)?.endUs ?? 0,
    buckets,
  };
}
