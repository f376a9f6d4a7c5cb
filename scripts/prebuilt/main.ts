// `npm run pack:prebuilt`: the addon of this checkout as a package of its own, for machines that build nothing.
import { Command, CommanderError } from 'commander';
import { exitStatus } from '../../cli/engine/exit.js';
import { packPrebuilt } from './pack.js';

function parse(): { out: string } | number {
  const command = new Command('npm run pack:prebuilt --')
    .description(
      'Packs the addon as the package that this package uses where none was built, with SPDK linked into it.',
    )
    .option('--out <FOLDER>', 'where to put the tarball', '.')
    .allowExcessArguments(false)
    .exitOverride();
  try {
    return command.parse().opts<{ out: string }>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitStatus.ok : exitStatus.badArguments;
  }
}

const given = parse();
if (typeof given === 'number') {
  process.exitCode = given;
} else {
  try {
    console.log(packPrebuilt(given.out));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = exitStatus.failed;
  }
}
