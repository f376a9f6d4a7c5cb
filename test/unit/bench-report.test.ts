import { describe, expect, it } from 'vitest';
import type { About, SideName, Turn } from '../../scripts/bench/messages.js';
import { describeTurn } from '../../scripts/bench/progress.js';
import { attachDetachJson, attachDetachReports, benchReport } from '../../scripts/bench/report.js';
import type { Steps } from '../../scripts/bench/steps.js';
import { attachDetachTable, stepsTable } from '../../scripts/bench/table.js';

function turn(side: SideName, ioQueues: number, round: number, times: readonly [number, number][]): Turn {
  const cycles = times.map(([attachMs, detachMs]) => ({ attachMs, detachMs }));
  return { kind: 'turn', side, ioQueues, round, cycles, failed: 0 };
}

const turns: Turn[] = [
  turn('binding', 1, 0, [
    [11, 5],
    [12, 5],
    [13, 5],
  ]),
  turn('native', 1, 0, [
    [10, 4],
    [10, 4],
    [10, 4],
  ]),
  turn('binding', 1, 1, [[12, 6]]),
  turn('native', 1, 1, [[10, 5]]),
  turn('nvmeCli', 1, 1, [[150, 270]]),
  turn('binding', 2, 0, [[20, 10]]),
  turn('native', 2, 0, [[20, 10]]),
];

describe('attachDetachReports', () => {
  it('summarises each number of I/O queues by itself', () => {
    const [one, two] = attachDetachReports(turns);
    expect(one).toMatchObject({
      ioQueues: 1,
      binding: { attachMs: { p50: 12, p99: 13 }, detachMs: { p50: 5, p99: 6 }, bothMs: { p50: 17, p99: 18 } },
      native: { attachMs: { p50: 10, p99: 10 }, detachMs: { p50: 4, p99: 5 }, bothMs: { p50: 14, p99: 15 } },
      nvmeCli: { cycles: 1, connectMs: { p50: 150 }, disconnectMs: { p50: 270 } },
      ratio: { attach: 1.2, detach: 1.25, both: 1.214 },
      roundRatios: [1.214, 1.2],
      failed: 0,
    });
    expect(two).toMatchObject({ ioQueues: 2, nvmeCli: null, ratio: { attach: 1, detach: 1, both: 1 } });
  });

  it('compares attach and detach cycle by cycle, not the sum of two medians', () => {
    const swapped = [
      turn('binding', 1, 0, [
        [1, 9],
        [9, 1],
        [5, 9],
      ]),
      turn('native', 1, 0, [[5, 5]]),
    ];
    expect(attachDetachReports(swapped)[0]?.binding).toMatchObject({
      attachMs: { p50: 5 },
      detachMs: { p50: 9 },
      bothMs: { p50: 10 },
    });
  });

  it('counts failures and leaves a round without a result out of the ratios', () => {
    const broken = { ...turn('native', 1, 1, []), failed: 3 };
    const [report] = attachDetachReports([...turns.slice(0, 3), broken]);
    expect(report).toMatchObject({ failed: 3, roundRatios: [1.214] });
  });

  it('names the side of which nothing succeeded', () => {
    const broken = { ...turn('native', 1, 0, []), failed: 3 };
    expect(() => attachDetachReports([turn('binding', 1, 0, [[1, 1]]), broken])).toThrow(
      'No cycle of C loop succeeded',
    );
  });
});

describe('what is shown', () => {
  it('has the median of each step beside the one of the C loop, where it has the same', () => {
    const cycles = (steps: Steps[]) => steps.map((own) => ({ attachMs: 10, detachMs: 5, steps: own }));
    const [report] = attachDetachReports([
      { ...turn('binding', 1, 0, []), cycles: cycles([{ controllerMs: 7, waitMs: 1 }, { controllerMs: 9 }]) },
      { ...turn('native', 1, 0, []), cycles: cycles([{ controllerMs: 5 }]) },
    ]);
    expect(report?.binding.steps).toEqual({ waitMs: 1, controllerMs: 8 });
    const table = report && stepsTable(report);
    expect(table).toMatch(/1 I\/O queue .*package.*C loop/);
    expect(table).toMatch(/wait\D+1\.0\D+\n.*controller\D+8\.0\D+5\.0/);
  });

  it('has a row for each side and the ratios', () => {
    const table = attachDetachTable(attachDetachReports(turns));
    expect(table).toMatch(/package\D+12\.0\D+13\.0\D+5\.0\D+6\.0\D+17\.0\D+18\.0/);
    expect(table).toMatch(/C loop\D+10\.0/);
    expect(table).toMatch(/ratio\D+1\.20\D+1\.25\D+1\.21/);
    expect(table).toMatch(/nvme-cli \(1\)\D+150\.0/);
  });

  it('describes a turn in a line', () => {
    expect(describeTurn(turn('native', 2, 3, [[1, 2]]))).toBe(
      '2 I/O queues, round 4, C loop: 1 cycle, p50 3.0 ms',
    );
    expect(describeTurn({ ...turn('binding', 1, 0, []), failed: 2 })).toBe(
      '1 I/O queue, round 1, package: 0 cycles, 2 failed',
    );
  });

  it('puts the device and the conditions into the JSON', () => {
    const about: About = {
      kind: 'about',
      spdk: 'SPDK v20.07',
      device: 'rxe0',
      node: 'v20.20.2',
      kernel: '6.1.0',
      processor: 'some',
      processors: 2,
    };
    const { kind: _, device: __, ...where } = about;
    const environment = { ...where, time: '2026-11-26T12:00:00.000Z', tcpCongestionControl: 'cubic' };
    expect(benchReport(environment, attachDetachJson(about, 4, turns))).toMatchObject({
      schema: 1,
      environment,
      spdk: 'SPDK v20.07',
      device: 'rxe0',
      cycles: 4,
      conditions: { node: 'v20.20.2', processors: 2 },
      attachDetach: [{ ioQueues: 1 }, { ioQueues: 2 }],
    });
  });
});
