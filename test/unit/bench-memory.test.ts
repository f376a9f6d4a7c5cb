import { describe, expect, it } from 'vitest';
import { type MemoryRow, summarise } from '../../scripts/bench/memory/cases.js';
import { memoryVerdict } from '../../scripts/bench/memory/table.js';

/** Controllers of 100 KiB and queues of 20 KiB of hugepages, half of that resident. */
function rows(each64 = 120): MemoryRow[] {
  const row = (controllers: number, ioQueues: number, each: number, together = false): MemoryRow => ({
    transport: 'tcp',
    controllers,
    ioQueues,
    together,
    usedBytes: controllers * each * 1024,
    residentBytes: controllers * each * 512,
    heapBytes: 256 << 20,
    attachMs: together ? 300 : controllers * 10,
    detachMs: 5,
  });
  return [row(1, 1, 120), row(16, 1, 120), row(16, 4, 180), row(64, 1, each64), row(64, 1, each64, true)];
}

describe('what controllers cost', () => {
  it('is reported for each controller and each queue', () => {
    expect(summarise('tcp', rows())).toEqual({
      transport: 'tcp',
      usedPerController: 120 * 1024,
      residentPerController: 60 * 1024,
      usedPerQueue: 20 * 1024,
      residentPerQueue: 10 * 1024,
      growth: { used: 1, resident: 1 },
      linear: true,
      attachMs: { inTurn: 640, together: 300 },
    });
    expect(memoryVerdict(summarise('tcp', rows()))).toMatch(
      /120 KiB of hugepages .*; linear: .*640 ms in turn/,
    );
  });

  it('is not linear when many cost more each than some do', () => {
    expect(summarise('tcp', rows(150)).linear).toBe(true);
    expect(summarise('tcp', rows(151)).linear).toBe(false);
    expect(memoryVerdict(summarise('tcp', rows(151)))).toContain('NOT linear');
  });

  it('needs every case', () => {
    expect(() => summarise('rdma', rows())).toThrow('were not measured');
  });
});
