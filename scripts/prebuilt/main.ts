// `npm run pack:prebuilt`: the addon of this checkout as a package of its own, for machines that build nothing.
import { Command } from 'commander';
import { exitStatus } from '../../cli/engine/process/exit.js';
import { parse } from '../arguments.js';
import { packPrebuilt } from './pack.js';

const command = new Command('npm run pack:prebuilt --')
  .description(
    'Packs the addon as the package that this package uses where none was built, with SPDK linked into it.',
  )
  .option('--out <FOLDER>', 'where to put the tarball', '.');
const parsed = parse<{ out: string }>(command, process.argv.slice(2));
try {
  process.exitCode = parsed.status;
  if (parsed.status === undefined) console.log(packPrebuilt(parsed.options.out));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = exitStatus.failed;
}
