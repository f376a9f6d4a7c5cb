// `npm run fuzz`: passes arbitrary values to the parsers and option checks, and to every function of the native addon.
import { Command } from 'commander';
import { integer } from '../../cli/engine/options/numbers.js';
import { addSeedOption, parse } from '../arguments.js';
import { fuzzNative } from './native.js';
import { fuzzParsers } from './parsers.js';
import { startFuzzTarget } from './target.js';

const command = new Command('npm run fuzz --')
  .description(
    'Puts any values into the parsers and option checks, and calls every function of the native addon with any ' +
      'values in a process of its own, beside an SPDK target on this host.',
  )
  .option('--minutes <M>', 'in all; half of it for each', integer(1, 7 * 24 * 60), 2)
  .addHelpText('after', '\nExit status: 0 nothing found, 1 something found, 2 bad arguments.');

async function main(): Promise<void> {
  const parsed = parse<{ minutes: number; seed: number }>(addSeedOption(command), process.argv.slice(2));
  if (parsed.status !== undefined) {
    process.exitCode = parsed.status;
    return;
  }
  const { minutes, seed } = parsed.options;
  const seconds = minutes * 30;
  console.log(`Seed ${seed}`);
  await fuzzParsers(seconds, seed, console.log);
  const target = await startFuzzTarget();
  try {
    const { calls, rejected, attached } = await fuzzNative(seconds, seed, target.transportIds);
    console.log(
      `native calls: ${calls}, of which ${rejected} were rejected; ${attached} controllers attached`,
    );
  } finally {
    await target.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
