import { Command, InvalidArgumentError } from 'commander';

export interface BenchArguments {
  readonly cycles: number;
  readonly rounds: number;
  readonly ioQueues: readonly number[];
  readonly cliCycles: number;
  readonly json?: string;
}

/** The fabric's target grants that many with room to spare, and so does attach_loop.c. */
const MAX_IO_QUEUES = 64;
const MAX_CYCLES = 100_000;

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** `1,2,4`: each once, in the order given. */
export function queueCounts(text: string): number[] {
  return [...new Set(text.split(',').map((word) => wholeNumber(1, MAX_IO_QUEUES)(word.trim())))];
}

export function benchCommand(): Command {
  return new Command('npm run bench --')
    .description(
      'Attaches and detaches a controller on the soft-RoCE fabric, through this package, through a plain C loop on ' +
        'the same SPDK, and with nvme-cli, and compares them.',
    )
    .option('--cycles <count>', 'for each side and number of I/O queues', wholeNumber(1, MAX_CYCLES), 100)
    .option('--rounds <count>', 'turns that the sides take', wholeNumber(1, MAX_CYCLES), 5)
    .option('--io-queues <list>', 'numbers of I/O queues to measure with', queueCounts, [1, 2, 4])
    .option(
      '--cli-cycles <count>',
      'for nvme-cli, which is slow; 0: without it',
      wholeNumber(0, MAX_CYCLES),
      10,
    )
    .option('--json <file>', 'write the numbers there');
}

/** Exits with commander's message for arguments that make no sense. */
export function parseArguments(words: readonly string[], command = benchCommand()): BenchArguments {
  command.parse(words, { from: 'user' });
  const options = command.opts<BenchArguments>();
  if (options.rounds > options.cycles) {
    command.error(`error: --rounds ${options.rounds} needs at least as many --cycles, not ${options.cycles}`);
  }
  return options;
}
