// Statistics of samples that are all kept. The command line counts millions of values in a histogram, which rounds them
// by up to 0.8 %. Here there are few samples, and ratios that differ by less.

/** The percentile of a share of the samples: the nearest rank, so always one of the samples. */
export function percentileOfSamples(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new RangeError('There is no percentile of nothing');
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] as number;
}

/** The value in the middle; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : rounded((upper + (sorted[middle - 1] as number)) / 2);
}

export interface Summary {
  readonly p50: number;
  readonly p99: number;
}

export function summarise(samples: readonly number[]): Summary {
  return {
    p50: rounded(percentileOfSamples(samples, 0.5)),
    p99: rounded(percentileOfSamples(samples, 0.99)),
  };
}

/** A value rounded to a thousandth: microseconds where the unit is milliseconds. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
