// The arguments of `npm run bench`.

import { Command, InvalidArgumentError, Option } from 'commander';
import { writableFile } from '../../cli/engine/files/named-files.js';
import { integer } from '../../cli/engine/options/numbers.js';
import type { PollingMode } from '../../lib/index.js';
import { type ArgumentOutput, type Parsed, parse } from '../arguments.js';

export interface BenchArguments {
  readonly cycles: number;
  readonly rounds: number;
  readonly ioQueues: readonly number[];
  readonly cliCycles: number;
  readonly only: readonly Section[];
  readonly ioRounds: number;
  readonly ioSeconds: number;
  /** The polling mode in the sections workers and scale. */
  readonly polling: PollingMode;
  readonly json?: string;
}

/** What can be measured: attach and detach, I/O over each transport, by several threads and by streams, and what controllers cost. */
const sections = ['attach', 'tcp', 'rdma', 'workers', 'streams', 'memory', 'scale'] as const;
type Section = (typeof sections)[number];

/** The fabric's target grants that many with room to spare, and so does attach_loop.c. */
const MAX_IO_QUEUES = 64;
const MAX_CYCLES = 100_000;

const pollingModes: readonly PollingMode[] = ['adaptive', 'threads', 'inline'];
const pollingOption = new Option('--polling <mode>', 'how workers and many controllers are polled')
  .choices(pollingModes)
  .default('adaptive');

/** `1,2,4`: each once, in the order given. */
function queueCounts(text: string): number[] {
  return [...new Set(text.split(',').map((word) => integer(1, MAX_IO_QUEUES)(word.trim())))];
}

function sectionList(text: string): Section[] {
  return [...new Set(text.split(',').map((word) => word.trim()))].map((word) => {
    const section = sections.find((known) => known === word);
    if (!section) throw new InvalidArgumentError(`It must be some of ${sections.join(', ')}.`);
    return section;
  });
}

function benchCommand(): Command {
  return new Command('npm run bench --')
    .description(
      'Attaches and detaches a controller on the soft-RoCE fabric, through this package, through a plain C loop on ' +
        "the same SPDK, and with nvme-cli; and reads through this package and through SPDK's perf, over TCP on the " +
        "host's loopback and over RDMA on the fabric; and compares them. It reads from several worker threads, counts " +
        'the memory of up to 64 controllers, and measures what up to 256 cost and do over TCP, and 64 over RDMA.',
    )
    .option('--only <list>', `measure only some of ${sections.join(', ')}`, sectionList, [...sections])
    .option('--io-rounds <count>', 'turns of perf and the package for I/O', integer(1, 100), 3)
    .option('--io-seconds <count>', 'how long each turn reads', integer(1, 3600), 2)
    .option('--cycles <count>', 'for each side and number of I/O queues', integer(1, MAX_CYCLES), 100)
    .option('--rounds <count>', 'turns that the sides take', integer(1, MAX_CYCLES), 5)
    .option('--io-queues <list>', 'numbers of I/O queues to measure with', queueCounts, [1, 2, 4])
    .option('--cli-cycles <count>', 'for nvme-cli, which is slow; 0: without it', integer(0, MAX_CYCLES), 10)
    .addOption(pollingOption)
    .option('--json <FILE>', 'write the numbers there', writableFile);
}

export function parseArguments(args: readonly string[], output?: ArgumentOutput): Parsed<BenchArguments> {
  return parse<BenchArguments>(benchCommand(), args, output, ({ rounds, cycles }) =>
    rounds > cycles ? `--rounds ${rounds} needs at least as many --cycles, not ${cycles}` : undefined,
  );
}
