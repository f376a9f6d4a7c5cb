// Measures what several worker threads, each with an environment of its own, cost and achieve, over TCP on the host's
// loopback.
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { execa } from 'execa';
import { tableStyle } from '../../../cli/engine/terminal/show.js';
import type { PollingMode } from '../../../lib/index.js';
import { ensureHugepages } from '../../target/hugepages.js';
import { startSpdkTarget } from '../../target/spdk-target.js';
import { median, rounded } from '../statistics.js';
import type { WorkersResult } from './process.js';
import type { Reading } from './reader.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4482' } as const;
const program = fileURLToPath(new URL('process.ts', import.meta.url));
const workerCounts = [1, 2, 4] as const;
const clientMb = 256;
const warmUpSeconds = 2;
/** The processor on which the target spins. A worker that the kernel puts there too would make the target the limit. */
const targetCore = os.availableParallelism() - 1;
const otherCores = targetCore === 0 ? '0' : `0-${targetCore - 1}`;

/**
 * Two disks. With `null` the processors are the limit, which the target shares: what counts is the processor time of an
 * operation. With `delay` each read takes a millisecond and neither side is the limit: what counts is the rate.
 */
const disks = {
  null: { disk: { kind: 'null', sizeMb: 64, blockSize: 512 }, depth: 32 },
  delay: { disk: { kind: 'delay', sizeMb: 64, blockSize: 512, delayUs: 1_000 }, depth: 4 },
} as const;
type DiskName = keyof typeof disks;

/** A row of the table and of the JSON: medians of all rounds. */
export interface WorkersRow {
  readonly disk: DiskName;
  readonly workers: number;
  readonly iops: number;
  readonly cpuSecondsPerMillion: number;
  /** The ratio to one worker in the same round. */
  readonly rateRatio: number;
  readonly cpuRatio: number;
}

const nqnOf = (disk: DiskName, i: number) => `nqn.2026-11.dev.spdk-nvme:${disk}${i}`;

async function run(
  disk: DiskName,
  workers: number,
  polling: PollingMode,
  seconds: number,
): Promise<WorkersResult> {
  const { trtype, traddr, trsvcid } = listener;
  const readings = Array.from({ length: workers }, (_, i): Reading => {
    const transportId = `trtype:${trtype} adrfam:IPv4 traddr:${traddr} trsvcid:${trsvcid} subnqn:${nqnOf(disk, i)}`;
    return { transportId, polling, depth: disks[disk].depth, warmUpSeconds, seconds };
  });
  const args = ['--import', import.meta.resolve('tsx'), program, JSON.stringify(readings)];
  const behind = ['--cpu-list', otherCores, process.execPath];
  const { stdout } = await execa('taskset', [...behind, ...args], { stdin: 'ignore', stderr: 'inherit' });
  return JSON.parse(stdout);
}

/** The numbers of workers take turns, so that all have the same load. */
export async function measureWorkers(
  polling: PollingMode,
  rounds: number,
  seconds: number,
  report: (line: string) => void,
): Promise<WorkersRow[]> {
  const all = Math.max(...workerCounts);
  const names = Object.keys(disks) as DiskName[];
  const target = await startSpdkTarget({
    listener,
    core: targetCore,
    subsystems: names.flatMap((name) =>
      Array.from({ length: all }, (_, i) => ({
        nqn: nqnOf(name, i),
        serial: `${name.toUpperCase()}${i}`,
        disk: disks[name].disk,
      })),
    ),
  });
  try {
    ensureHugepages(clientMb);
    const rows: WorkersRow[] = [];
    for (const disk of names) {
      const taken = new Map<number, { iops: number; cpu: number }[]>(
        workerCounts.map((count) => [count, []]),
      );
      for (let round = 0; round < rounds; round++) {
        for (const count of workerCounts) {
          const { reads, seconds: took, cpuSeconds } = await run(disk, count, polling, seconds);
          taken.get(count)?.push({ iops: reads / took, cpu: (cpuSeconds * 1e6) / reads });
        }
        report(`workers, disk ${disk}: round ${round + 1} of ${rounds}`);
      }
      rows.push(...workerCounts.map((count) => row(disk, count, taken)));
    }
    return rows;
  } finally {
    await target.stop();
  }
}

function row(
  disk: DiskName,
  workers: number,
  taken: Map<number, { iops: number; cpu: number }[]>,
): WorkersRow {
  const own = taken.get(workers) ?? [];
  const one = taken.get(1) ?? [];
  const of = (value: (turn: { iops: number; cpu: number }, i: number) => number) =>
    rounded(median(own.map(value)));
  return {
    disk,
    workers,
    iops: of(({ iops }) => iops),
    cpuSecondsPerMillion: of(({ cpu }) => cpu),
    rateRatio: of(({ iops }, i) => iops / (one[i]?.iops ?? Number.NaN)),
    cpuRatio: of(({ cpu }, i) => cpu / (one[i]?.cpu ?? Number.NaN)),
  };
}

export function workersTable(rows: readonly WorkersRow[]): string {
  const table = new Table({
    head: ['disk', 'workers', 'reads/s', 'beside one', 'CPU s per million', 'beside one'],
    style: tableStyle,
    colAligns: ['left', ...new Array<'right'>(5).fill('right')],
  });
  const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
  for (const { disk, workers, iops, rateRatio, cpuSecondsPerMillion, cpuRatio } of rows) {
    table.push([disk, workers, whole.format(iops), rateRatio, cpuSecondsPerMillion, cpuRatio]);
  }
  return table.toString();
}
