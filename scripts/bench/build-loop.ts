import { createRequire } from 'node:module';
import path from 'node:path';
import { removeMovedBuild } from '../setup/moved-build.js';
import { buildFolder, root } from '../setup/paths.js';
import { newLog, run } from '../setup/processes.js';

const LOG = 'bench.log';
const source = path.join(root, 'native');
const folder = path.join(buildFolder, 'native');
const require = createRequire(import.meta.url);

/** Builds attach_loop.c if it is missing or out of date, and returns the path of the program. */
export async function buildLoop(): Promise<string> {
  newLog(LOG);
  removeMovedBuild(folder, source);
  const cmakeJs = (...words: string[]) =>
    run(
      process.execPath,
      [
        require.resolve('cmake-js/bin/cmake-js'),
        ...words,
        ...['-d', source, '-O', folder, '-B', 'RelWithDebInfo'],
      ],
      { cwd: root, log: LOG },
    );
  // Configuring reads SPDK's flags again, so that another SPDK than last time is noticed.
  await cmakeJs('configure');
  await cmakeJs('build', '--target', 'attach_loop');
  return path.join(folder, 'attach_loop');
}
