import { Command, Option } from 'commander';
import { integer } from '../../cli/engine/options/numbers.js';
import { type ArgumentOutput, addSeedOption, type ParsedRun, parseRun } from '../arguments.js';
import { type SoakOptions, workloads } from './options.js';
import { maxControllers } from './targets.js';

export function parseArguments(args: readonly string[], output?: ArgumentOutput): ParsedRun<SoakOptions> {
  const command = new Command('npm run soak --')
    .description(
      'Attaches controllers on the fabric, reads and writes with checksums, resets and detaches, all at random, while ' +
        'the target is disturbed at random; and reports hangs, wrong data and leaks.',
    )
    .addOption(
      new Option('--workload <W>', 'one controller for each client, or a subsystem over two paths')
        .choices(workloads)
        .default('controllers'),
    )
    .option('--minutes <M>', 'minutes to run', integer(1, 7 * 24 * 60), 2)
    .option('--controllers <C>', 'clients that work at the same time', integer(1, maxControllers), 4)
    .option('--pollers <P>', 'poller threads', integer(1, 64), 2)
    .addHelpText('after', '\nExit status: 0 clean, 1 otherwise, 2 bad arguments, 130 Ctrl-C.');
  return parseRun<SoakOptions>(addSeedOption(command), args, output);
}
