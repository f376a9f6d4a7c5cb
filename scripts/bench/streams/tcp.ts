// Streams and files beside promises with DMA memory, over TCP on the host's loopback.
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { execa } from 'execa';
import { tableStyle } from '../../../cli/engine/terminal/show.js';
import { listenerId } from '../../target/config.js';
import { ensureHugepages } from '../../target/hugepages.js';
import { startSpdkTarget } from '../../target/spdk-target.js';
import { median, rounded } from '../statistics.js';
import { streamCases } from './cases.js';
import type { StreamRequest, StreamResult } from './process.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4483' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:bench-streams';
const program = fileURLToPath(new URL('process.ts', import.meta.url));
const clientMb = 320;
const diskMb = 2048;
/** The data that each case moves in a round. */
const movedMb = 512;
const pollings = ['threads', 'inline', 'adaptive'] as const;
type Polling = (typeof pollings)[number];

/** A row of the table and of the JSON: medians of all rounds. */
export interface StreamRow {
  readonly name: string;
  readonly polling: Polling;
  readonly mbPerSecond: number;
  readonly cpuSecondsPerGib: number;
  /** The ratio to the peer in the same round. */
  readonly ratio: number;
  readonly roundRatios: readonly number[];
}

async function run(request: StreamRequest): Promise<StreamResult[]> {
  const args = ['--expose-gc', '--import', import.meta.resolve('tsx'), program, JSON.stringify(request)];
  const { stdout } = await execa(process.execPath, args, { stdin: 'ignore', stderr: 'inherit' });
  return JSON.parse(stdout);
}

/** A process for each round and way of polling. */
export async function measureStreams(rounds: number, report: (line: string) => void): Promise<StreamRow[]> {
  const target = await startSpdkTarget({
    listener,
    core: os.availableParallelism() - 1,
    subsystems: [{ nqn, serial: 'STREAMS', disk: { kind: 'null', sizeMb: diskMb, blockSize: 512 } }],
  });
  try {
    ensureHugepages(clientMb);
    const transportId = listenerId(listener, nqn);
    const taken: Record<Polling, StreamResult[][]> = { threads: [], inline: [], adaptive: [] };
    for (let round = 0; round < rounds; round++) {
      for (const polling of pollings) {
        const request = { transportId, polling, bytes: movedMb << 20, first: round * 3 };
        taken[polling].push(await run(request));
      }
      report(`streams: round ${round + 1} of ${rounds}`);
    }
    return pollings.flatMap((polling) => streamCases.map(({ name }) => row(name, polling, taken[polling])));
  } finally {
    await target.stop();
  }
}

function row(name: string, polling: Polling, rounds: readonly StreamResult[][]): StreamRow {
  const peer = streamCases.find((one) => one.name === name)?.peer;
  const of = (results: readonly StreamResult[], which: string | undefined): StreamResult => {
    const found = results.find((result) => result.name === which);
    if (!found) throw new Error(`${which} was not measured`);
    return found;
  };
  const own = rounds.map((results) => of(results, name));
  const roundRatios = own.map(({ bytesPerSecond }, i) =>
    rounded(bytesPerSecond / of(rounds[i] ?? [], peer).bytesPerSecond),
  );
  return {
    name,
    polling,
    mbPerSecond: Math.round(median(own.map(({ bytesPerSecond }) => bytesPerSecond)) / 1e6),
    cpuSecondsPerGib: rounded(median(own.map(({ cpuSecondsPerGib }) => cpuSecondsPerGib))),
    ratio: median(roundRatios),
    roundRatios,
  };
}

export function streamsTable(rows: readonly StreamRow[]): string {
  const table = new Table({
    head: ['', 'polling', 'MB/s', 'CPU s/GiB', 'beside promises', 'in the rounds'],
    style: tableStyle,
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left'],
  });
  for (const { name, polling, mbPerSecond, cpuSecondsPerGib, ratio, roundRatios } of rows) {
    const range = `${Math.min(...roundRatios)} to ${Math.max(...roundRatios)}`;
    table.push([name, polling, mbPerSecond, cpuSecondsPerGib, ratio, range]);
  }
  return table.toString();
}
