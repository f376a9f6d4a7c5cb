import { describe, expect, it, onTestFinished } from 'vitest';
import { countsOf } from '../../cli/engine/measure/counts.js';
import { findings, statusOf } from '../../cli/workloads/stress-report.js';
import { renderReport } from '../../cli/workloads/stress-table.js';
import { reportOf } from './stress-report.js';

const twoQueuePairs = countsOf((kind) => (kind === 'qp' ? 2 : 0));

describe('the verdict on a run', () => {
  it('is 0 when every loop completed without a hang or a leak', () => {
    expect(statusOf(reportOf())).toBe(0);
  });

  it.each([
    [{ completed: 99, failed: 1 }, '1 of 100 loops failed'],
    [{ completed: 40, failed: 5 }, 'stopped with 55 loops left'],
    [{ hangs: 1 }, '1 operation hung'],
    [{ hangs: 2 }, '2 operations hung'],
    [{ leaks: twoQueuePairs }, 'leaked 2 qp'],
    [{ leaks: countsOf((kind) => (kind === 'fd' || kind === 'mr' ? 3 : 0)) }, 'leaked 3 mr, 3 fd'],
    [{ rssGrowthKiB: 100_000 }, 'resident memory grew by 100000 KiB'],
    [{ controllersRetained: 7 }, '7 of the detached Controller objects still held'],
    [{ failuresByCode: { ERR_SPDK_TIMEOUT: 1 } }, 'operations failed outside of the loops'],
  ])('is 1 for %j', (changes, finding) => {
    const report = reportOf(changes);
    expect(statusOf(report)).toBe(1);
    expect(findings(report)).toContain(finding);
  });

  it('does not judge memory that the C library may have kept', () => {
    expect(findings(reportOf({ rssGrowthKiB: 100_000, rssGrowthCounts: false }))).toEqual([]);
  });

  it('does not miss the loops that Ctrl-C took away', () => {
    expect(findings(reportOf({ completed: 10, interrupted: true }))).toEqual([]);
  });
});

describe('the table', () => {
  it('shows latencies, outcomes and leaks', () => {
    const text = renderReport(
      reportOf({
        completed: 98,
        failed: 2,
        failuresByCode: { ERR_SPDK_UNREACHABLE: 3 },
        leaks: twoQueuePairs,
      }),
    );
    expect(text).toContain('SPDK v20.07, rxe0, trtype:RDMA');
    expect(text).toContain('2 controllers at once, 2 pollers, 2 I/O queues');
    expect(text).toMatch(/attach +│ +140\.2 │ +180\.2 │ +250\.0 │ +300\.4/);
    expect(text).toMatch(/detach +│ +60\.0 │/);
    expect(text).toMatch(/ERR_SPDK_UNREACHABLE +│ +3 /);
    expect(text).toMatch(/pd │ cq │ qp │ cm_id │ mr │/);
    expect(text).toContain('+512 KiB');
    expect(text).toMatch(/\n2 of 100 loops failed; leaked 2 qp\n$/);
    expect(text, 'nothing that only a terminal understands').not.toContain('\u001b');
  });

  it('lists what a narrow terminal has no room for, with units', () => {
    const { isTTY, columns } = process.stdout;
    Object.assign(process.stdout, { isTTY: true, columns: 40 });
    onTestFinished(() => void Object.assign(process.stdout, { isTTY, columns }));
    const text = renderReport(reportOf({ leaks: twoQueuePairs }));
    expect(text).toMatch(/^latency : attach\np50 ms {2}: 140\.2\n/m);
    expect(text).toMatch(/^qp +: 2$/m);
  });

  it('says so when all is well', () => {
    expect(renderReport(reportOf())).toMatch(/\nClean\n$/);
  });

  it('says nothing of RDMA where no device was counted', () => {
    const text = renderReport(reportOf({ device: null }));
    expect(text).toContain('SPDK v20.07, trtype:RDMA');
    expect(text).not.toMatch(/cm_id/);
  });

  it('counts one as one', () => {
    expect(renderReport(reportOf({ controllers: 1, pollers: 1, ioQueues: 1 }))).toContain(
      '1 controller at once, 1 poller, 1 I/O queue\n',
    );
  });

  it('has a dash where nothing was measured', () => {
    const nothing = { p50: null, p90: null, p99: null, max: null };
    expect(renderReport(reportOf({ attachMs: nothing }))).toMatch(/attach +│ +- │ +- │ +- │ +- │/);
  });

  it('says how far a stopped run came', () => {
    expect(renderReport(reportOf({ completed: 10, interrupted: true }))).toMatch(
      /\nStopped after 10 loops: clean\n$/,
    );
  });
});
