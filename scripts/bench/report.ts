// The reports on attach and detach, from the turns of a run.

import type { Surroundings } from '../../cli/engine/measure/surroundings.js';
import type { About, Cycle, SideName, Turn } from './messages.js';
import { percentileOfSamples, rounded, type Summary, summarise } from './statistics.js';
import { medianSteps, type Steps } from './steps.js';

interface SideReport {
  readonly attachMs: Summary;
  readonly detachMs: Summary;
  readonly bothMs: Summary;
  /** The medians of the steps. */
  readonly steps: Steps;
}

interface CliReport {
  readonly cycles: number;
  readonly connectMs: Summary;
  readonly disconnectMs: Summary;
}

export interface AttachDetachReport {
  readonly ioQueues: number;
  readonly binding: SideReport;
  readonly native: SideReport;
  /** Null if it was not measured. */
  readonly nvmeCli: CliReport | null;
  /** The package's p50 divided by the C loop's. */
  readonly ratio: { readonly attach: number; readonly detach: number; readonly both: number };
  /** The ratio of attach and detach together in each round, which shows how much it varies by chance. */
  readonly roundRatios: readonly number[];
  /** Cycles that ended in an error, of all sides. */
  readonly failed: number;
}

/** The names of the sides in tables. */
export const SIDE_NAMES: Readonly<Record<SideName, string>> = {
  binding: 'package',
  native: 'C loop',
  nvmeCli: 'nvme-cli',
};

const both = ({ attachMs, detachMs }: Cycle): number => attachMs + detachMs;

/** The p50 of attach and detach together; undefined for a turn in which nothing succeeded. */
export function turnP50({ cycles }: Turn): number | undefined {
  return cycles.length === 0 ? undefined : percentileOfSamples(cycles.map(both), 0.5);
}

/** One report for each number of I/O queues, in the order they were measured. */
export function attachDetachReports(turns: readonly Turn[]): AttachDetachReport[] {
  const counts = [...new Set(turns.map((turn) => turn.ioQueues))];
  return counts.map((ioQueues) => {
    const own = turns.filter((turn) => turn.ioQueues === ioQueues);
    return reportOf(ioQueues, own);
  });
}

function reportOf(ioQueues: number, turns: readonly Turn[]): AttachDetachReport {
  const of = (side: SideName) => turns.filter((turn) => turn.side === side);
  const binding = sideReport(of('binding'));
  const native = sideReport(of('native'));
  const cli = of('nvmeCli');
  const ratio = (part: Exclude<keyof SideReport, 'steps'>) => rounded(binding[part].p50 / native[part].p50);
  return {
    ioQueues,
    binding,
    native,
    nvmeCli: cli.length === 0 ? null : cliReport(cli),
    ratio: { attach: ratio('attachMs'), detach: ratio('detachMs'), both: ratio('bothMs') },
    roundRatios: roundRatios(of('binding'), of('native')),
    failed: turns.reduce((sum, turn) => sum + turn.failed, 0),
  };
}

function sideReport(turns: readonly Turn[]): SideReport {
  const cycles = turns.flatMap((turn) => turn.cycles);
  if (cycles.length === 0) {
    const [turn] = turns;
    throw new Error(turn ? `No cycle of ${SIDE_NAMES[turn.side]} succeeded` : 'A side has not had its turn');
  }
  return {
    attachMs: summarise(cycles.map((cycle) => cycle.attachMs)),
    detachMs: summarise(cycles.map((cycle) => cycle.detachMs)),
    bothMs: summarise(cycles.map(both)),
    steps: medianSteps(cycles),
  };
}

function cliReport(turns: readonly Turn[]): CliReport {
  const { attachMs, detachMs } = sideReport(turns);
  const cycles = turns.reduce((sum, turn) => sum + turn.cycles.length, 0);
  return { cycles, connectMs: attachMs, disconnectMs: detachMs };
}

/** Rounds in which one of the two did not succeed once are left out. */
function roundRatios(binding: readonly Turn[], native: readonly Turn[]): number[] {
  return binding.flatMap((turn) => {
    const mine = turnP50(turn);
    const other = native.find(({ round }) => round === turn.round);
    const theirs = other && turnP50(other);
    return mine && theirs ? [rounded(mine / theirs)] : [];
  });
}

/** What `--json` writes of attach and detach. */
export function attachDetachJson(about: About, cycles: number, turns: readonly Turn[]): object {
  const { spdk, device, kind: _, ...conditions } = about;
  return { spdk, device, cycles, conditions, attachDetach: attachDetachReports(turns) };
}

/**
 * The file of `--json`. Like every report it has `schema` and `environment`, of this machine; `conditions` are those of
 * the fabric. It has no `findings`, because a benchmark only measures.
 */
export function benchReport(environment: Surroundings, measured: object): object {
  return { schema: 1, environment, ...measured };
}
