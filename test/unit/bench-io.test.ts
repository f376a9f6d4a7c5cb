import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../scripts/bench/arguments.js';
import { parsePerf } from '../../scripts/bench/io/perf.js';
import { median } from '../../scripts/bench/statistics.js';

const table = `
Total                                                                    :   94000.50     367.19      10.61       9.20    1200.10

Summary latency data for TCP  (addr:127.0.0.1 subnqn:nqn.2016-06.io. from core 0:
  1.00000% :     9.105us
 50.00000% :    10.500us
 99.00000% :    17.250us
 99.90000% :    40.000us
 99.99999% :    1200.000us
`;

describe('perf output', () => {
  it('is read: operations, percentiles, processor time for a million operations', () => {
    expect(parsePerf(table, 'cpu 1.500 0.380\n', 2)).toEqual({
      iops: 94000.5,
      p50Us: 10.5,
      p99Us: 17.25,
      cpuSecondsPerMillion: (1.88 / (94000.5 * 2)) * 1e6,
    });
  });

  it('is rejected when a part is missing', () => {
    expect(() => parsePerf(table, '', 2)).toThrow('perf printed no table');
    expect(() => parsePerf('Failed to initialize', 'cpu 1.0 0.1', 2)).toThrow('perf printed no table');
  });
});

describe('median', () => {
  it('is the middle, or between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

describe('--only', () => {
  it('names what is measured', () => {
    const written: string[] = [];
    const write = (text: string) => void written.push(text);
    const only = (...words: string[]) => parseArguments(words, { writeErr: write, writeOut: write });
    expect(only('--only', 'tcp,attach')).toMatchObject({ options: { only: ['tcp', 'attach'] } });
    expect(only()).toMatchObject({
      options: { only: ['attach', 'tcp', 'rdma', 'workers', 'streams', 'memory', 'scale'] },
    });
    expect(only('--only', 'pcie')).toEqual({ status: 2 });
    expect(written.join('')).toContain('attach, tcp, rdma, workers, streams, memory, scale');
  });
});
