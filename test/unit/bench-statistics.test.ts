import { describe, expect, it } from 'vitest';
import { percentileOfSamples, rounded, summarise } from '../../scripts/bench/statistics.js';

describe('percentileOfSamples', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);

  it('is one of the samples, whatever their order', () => {
    expect(percentileOfSamples(hundred, 0.5)).toBe(50);
    expect(percentileOfSamples(hundred, 0.99)).toBe(99);
    expect(percentileOfSamples(hundred, 1)).toBe(100);
    expect(percentileOfSamples([3, 1, 2], 0.5)).toBe(2);
    expect(percentileOfSamples([7], 0.99)).toBe(7);
  });

  it('orders numbers as numbers and leaves the samples alone', () => {
    const samples = [10, 9, 100];
    expect(percentileOfSamples(samples, 0.5)).toBe(10);
    expect(samples).toEqual([10, 9, 100]);
  });

  it('takes the largest for p99 of few samples', () => {
    expect(percentileOfSamples([1, 2, 3, 4, 1000], 0.99)).toBe(1000);
  });

  it('rejects an empty list', () => {
    expect(() => percentileOfSamples([], 0.5)).toThrow(RangeError);
  });
});

describe('summarise', () => {
  it('rounds to a thousandth', () => {
    expect(summarise([1.23456, 1.23444, 9])).toEqual({ p50: 1.235, p99: 9 });
    expect(rounded(0.0004)).toBe(0);
  });
});
