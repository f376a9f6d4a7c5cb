import { Command } from 'commander';
import { addLoopOptions, extentOf, type LoopOptions } from '../../cli/commands/stress.js';
import { integer } from '../../cli/engine/options/numbers.js';
import { type ArgumentOutput, type ParsedRun, parseRun } from '../arguments.js';
import { device, targets } from './target.js';

/** The command line's `stress`, for the fabric. */
export interface FabricStress {
  readonly loops?: number | undefined;
  readonly seconds?: number | undefined;
  /** What follows the verb. */
  readonly args: readonly string[];
}

export function parseArguments(args: readonly string[], output?: ArgumentOutput): ParsedRun<FabricStress> {
  const command = addLoopOptions(new Command('npm run stress --'))
    .description(
      'Attaches and detaches NVMe/RDMA controllers in loops on the fabric, and reports hangs, failures and leaks: ' +
        '`spdk-nvme stress` on a target of its own.',
    )
    .option('--controllers <C>', 'controllers attached at the same time', integer(1, targets.length), 2)
    .addHelpText(
      'after',
      '\nExit status: 0 every loop completed without a hang or a leak, 1 otherwise, 2 bad arguments, 130 Ctrl-C.',
    );
  const parsed = parseRun<LoopOptions & { controllers: number }>(command, args, output);
  if (parsed.status !== undefined) return parsed;
  const { options, files } = parsed;
  const { loops, seconds } = extentOf(options);
  return {
    options: {
      ...(seconds === undefined ? { loops } : { seconds }),
      args: [
        ...(seconds === undefined ? ['--loops', String(loops)] : ['--seconds', String(seconds)]),
        ...['--pollers', String(options.pollers), '--io-queues', String(options.ioQueues)],
        ...(options.reads ? ['--reads'] : []),
        ...['--rdma-device', device],
        ...targets.slice(0, options.controllers).flatMap((id) => ['--transport-id', id]),
      ],
    },
    files,
  };
}
