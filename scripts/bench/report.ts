import Table from 'cli-table3';
import type { About, Cycle, SideName, Turn } from './messages.js';
import { percentile, rounded, type Summary, summarise } from './statistics.js';

export interface SideReport {
  readonly attachMs: Summary;
  readonly detachMs: Summary;
  readonly bothMs: Summary;
}

export interface CliReport {
  readonly cycles: number;
  readonly connectMs: Summary;
  readonly disconnectMs: Summary;
}

export interface AttachDetachReport {
  readonly ioQueues: number;
  readonly binding: SideReport;
  readonly native: SideReport;
  readonly nvmeCli: CliReport | null;
  /** The package's p50 divided by the C loop's. */
  readonly ratio: { readonly attach: number; readonly detach: number; readonly both: number };
  /** The ratio of attach and detach together in each round: how far chance moves it. */
  readonly roundRatios: readonly number[];
}

const both = ({ attachMs, detachMs }: Cycle): number => attachMs + detachMs;

/** One report for each number of I/O queues, in the order they were measured. */
export function attachDetachReports(turns: readonly Turn[]): AttachDetachReport[] {
  const counts = [...new Set(turns.map((turn) => turn.ioQueues))];
  return counts.map((ioQueues) =>
    reportOf(
      ioQueues,
      turns.filter((turn) => turn.ioQueues === ioQueues),
    ),
  );
}

function reportOf(ioQueues: number, turns: readonly Turn[]): AttachDetachReport {
  const cyclesOf = (side: SideName) =>
    turns.filter((turn) => turn.side === side).flatMap((turn) => turn.cycles);
  const binding = sideReport(cyclesOf('binding'));
  const native = sideReport(cyclesOf('native'));
  const cli = cyclesOf('nvmeCli');
  const ratio = (part: keyof SideReport) => rounded(binding[part].p50 / native[part].p50);
  return {
    ioQueues,
    binding,
    native,
    nvmeCli: cli.length === 0 ? null : cliReport(cli),
    ratio: { attach: ratio('attachMs'), detach: ratio('detachMs'), both: ratio('bothMs') },
    roundRatios: roundRatios(turns),
  };
}

function sideReport(cycles: readonly Cycle[]): SideReport {
  return {
    attachMs: summarise(cycles.map((cycle) => cycle.attachMs)),
    detachMs: summarise(cycles.map((cycle) => cycle.detachMs)),
    bothMs: summarise(cycles.map(both)),
  };
}

function cliReport(cycles: readonly Cycle[]): CliReport {
  const { attachMs, detachMs } = sideReport(cycles);
  return { cycles: cycles.length, connectMs: attachMs, disconnectMs: detachMs };
}

/** Rounds that only one of the two sides has finished say nothing. */
function roundRatios(turns: readonly Turn[]): number[] {
  const p50Of = (side: SideName, round: number) => {
    const turn = turns.find((candidate) => candidate.side === side && candidate.round === round);
    return turn && percentile(turn.cycles.map(both), 0.5);
  };
  const rounds = [...new Set(turns.map((turn) => turn.round))];
  return rounds.flatMap((round) => {
    const binding = p50Of('binding', round);
    const native = p50Of('native', round);
    return binding && native ? [rounded(binding / native)] : [];
  });
}

export function attachDetachTable(reports: readonly AttachDetachReport[]): string {
  const table = new Table({
    head: ['I/O queues', '', 'attach p50', 'p99', 'detach p50', 'p99', 'both p50', 'p99 ms'],
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { ioQueues, binding, native, nvmeCli, ratio } of reports) {
    const rows: [string, ...string[]][] = [
      ['package', ...numbers(binding.attachMs, binding.detachMs, binding.bothMs)],
      ['C loop', ...numbers(native.attachMs, native.detachMs, native.bothMs)],
      [
        'ratio',
        `${ratio.attach.toFixed(2)}`,
        '',
        `${ratio.detach.toFixed(2)}`,
        '',
        `${ratio.both.toFixed(2)}`,
        '',
      ],
    ];
    if (nvmeCli) rows.push(['nvme-cli', ...numbers(nvmeCli.connectMs, nvmeCli.disconnectMs), '', '']);
    rows.forEach((row, index) => {
      table.push(index === 0 ? [{ rowSpan: rows.length, content: String(ioQueues) }, ...row] : row);
    });
  }
  return table.toString();
}

function numbers(...summaries: readonly Summary[]): string[] {
  return summaries.flatMap(({ p50, p99 }) => [p50.toFixed(1), p99.toFixed(1)]);
}

/** What goes into the file of --json. */
export function jsonReport(about: About, cycles: number, turns: readonly Turn[]): object {
  const { spdk, device, kind: _, ...conditions } = about;
  return { spdk, device, cycles, conditions, attachDetach: attachDetachReports(turns) };
}
