// The verb that copies blocks within a namespace, with the options of nvme-cli.

import type { Command } from 'commander';
import { addNamespaceOption, type NamespaceOption, namespaceOf } from '../engine/options/namespace-option.js';
import { integer, integers } from '../engine/options/numbers.js';
import { checkRange } from '../engine/options/range.js';
import { addTargetOptions } from '../engine/options/target-options.js';
import { UsageError } from '../engine/process/exit.js';
import { addSessionOptions, type SessionOptions, withController } from '../engine/target/session.js';

interface Given extends SessionOptions, NamespaceOption {
  readonly sdlba: number;
  readonly slbs: readonly number[];
  readonly blocks: readonly number[];
  readonly forceUnitAccess: boolean;
  readonly limitedRetry: boolean;
}

const maxBlocks = 0xffff;

export function addCopy(program: Command): void {
  const command = program.command('copy').description('Copy blocks within a namespace.');
  addNamespaceOption(addSessionOptions(addTargetOptions(command)))
    .requiredOption('-d, --sdlba <BLOCK>', 'the first block to write', integer(0, Number.MAX_SAFE_INTEGER))
    .requiredOption(
      '--slbs <BLOCKS>',
      'the first block of each source range, separated by commas',
      integers(0, Number.MAX_SAFE_INTEGER),
    )
    .requiredOption(
      '-b, --blocks <NUMBERS>',
      'the number of blocks of each range minus one, separated by commas',
      integers(0, maxBlocks),
    )
    .option('-f, --force-unit-access', 'the copy is durable when it completes', false)
    .option('-l, --limited-retry', 'let the controller retry less often after errors', false)
    .action(async (given: Given) => {
      const { slbs, blocks } = given;
      if (slbs.length !== blocks.length)
        throw new UsageError(`--slbs has ${slbs.length} values, and --blocks ${blocks.length}`);
      process.exitCode = await withController(given, {}, async ({ controller, limits }) => {
        const namespace = namespaceOf(controller, given);
        const { blockSize } = namespace;
        const sources = slbs.map((first, i) => {
          const length = ((blocks[i] ?? 0) + 1) * blockSize;
          const source = { offset: first * blockSize, length, start: `--slbs ${first}` };
          checkRange(namespace, source, `--blocks ${blocks[i]}`);
          return { offset: source.offset, length };
        });
        const { sdlba, forceUnitAccess: fua, limitedRetry } = given;
        const offset = sdlba * blockSize;
        const length = sources.reduce((sum, source) => sum + source.length, 0);
        checkRange(namespace, { offset, length, start: `--sdlba ${sdlba}` }, `--blocks ${blocks}`);
        await namespace.copy(sources, { offset, fua, limitedRetry, ...limits });
        process.stdout.write('NVMe Copy: success\n');
        return 0;
      });
    });
}
