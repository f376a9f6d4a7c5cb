// Measures I/O of the package beside SPDK's own perf.

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { PerfReport } from '../../../cli/workloads/perf.js';
import { median, rounded } from '../statistics.js';
import { apis, type IoApi, type IoCase, type IoResult } from './cases.js';
import { runPerf } from './perf.js';

/** The program as it is shipped: `npm run bench` has built it. */
const cli = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** The hugepages of the package. */
const memoryMb = 128;

/** A row of the table and of the JSON: one way of using the package beside perf. */
export interface IoRow extends IoCase, IoApi {
  readonly binding: IoResult;
  readonly native: IoResult;
  /** Operations a second of the package divided by those of perf. */
  readonly ratio: number;
  /** The ratio in each round: how far chance moves it. */
  readonly roundRatios: readonly number[];
}

export interface MeasureOptions {
  readonly transportId: string;
  readonly cases: readonly IoCase[];
  readonly rounds: number;
  readonly seconds: number;
  /** The core for perf; the package's threads go where the kernel puts them. */
  readonly core: number;
  readonly report: (line: string) => void;
}

/** Measures perf and the package in turn, so that both have the same load; the medians of all rounds count. */
export async function measureIo(options: MeasureOptions): Promise<IoRow[]> {
  const { transportId, cases, rounds, seconds, core, report } = options;
  const rows: IoRow[] = [];
  for (const what of cases) {
    const native: IoResult[] = [];
    const binding = apis.map((): IoResult[] => []);
    for (let round = 0; round < rounds; round++) {
      native.push(await runPerf(what, transportId, seconds, core));
      for (const [i, api] of apis.entries()) {
        binding[i]?.push(await runPackage(what, api, transportId, seconds));
      }
      report(
        `${what.transport} ${what.op} ${what.blockSize} B, depth ${what.queueDepth}: round ${round + 1} of ${rounds}`,
      );
    }
    for (const [i, api] of apis.entries()) {
      const own = binding[i] as IoResult[];
      const roundRatios = own.map(({ iops }, round) => rounded(iops / (native[round] as IoResult).iops));
      rows.push({
        ...what,
        ...api,
        binding: medianResult(own),
        native: medianResult(native),
        ratio: median(roundRatios),
        roundRatios,
      });
    }
  }
  return rows;
}

/** `spdk-nvme perf`, in a process of its own as SPDK's perf is. */
async function runPackage(
  { op, blockSize, queueDepth }: IoCase,
  { api, polling }: IoApi,
  transportId: string,
  seconds: number,
): Promise<IoResult> {
  const args = [
    ...[
      'perf',
      '--transport-id',
      transportId,
      '--memory',
      memoryMb,
      '--workload',
      op,
      '--io-size',
      blockSize,
    ],
    ...['--depth', queueDepth, '--api', api, '--polling', polling, '--seconds', seconds, '-o', 'json'],
    // The first namespace: perf is given a controller that has one only.
    ...['--namespace-id', 1],
  ].map(String);
  const { stdout } = await execa(process.execPath, [cli, ...args], {
    stdin: 'ignore',
    stderr: 'inherit',
  });
  const { iops, latencyUs, cpuSecondsPerMillion }: PerfReport = JSON.parse(stdout);
  return { iops, p50Us: latencyUs.p50 ?? 0, p99Us: latencyUs.p99 ?? 0, cpuSecondsPerMillion };
}

function medianResult(results: readonly IoResult[]): IoResult {
  const of = (field: keyof IoResult) => rounded(median(results.map((result) => result[field])));
  return {
    iops: of('iops'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    cpuSecondsPerMillion: of('cpuSecondsPerMillion'),
  };
}
