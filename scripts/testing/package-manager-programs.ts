import fs from 'node:fs';
import path from 'node:path';
import pinned from '../package-managers.json' with { type: 'json' };
import { fetchNpmProgram } from '../setup/npm-program.js';
import { cacheRoot } from '../setup/paths.js';
import { newLog } from '../setup/processes.js';

const LOG = 'package-managers.log';

/**
 * The words that start a package manager. It is fetched when a check needs it for the first time: the programs have
 * 150 MB, and nothing else in a checkout uses them.
 */
export async function packageManager(name: keyof typeof pinned): Promise<[string, ...string[]]> {
  const program = pinned[name];
  const folder = path.join(cacheRoot, 'package-managers', `${name}-${program.version}`);
  const file = path.join(folder, program.file);
  if (!fs.existsSync(file)) {
    newLog(LOG);
    await fetchNpmProgram(program, folder, LOG);
  }
  return file.endsWith('.js') ? [process.execPath, file] : [file];
}
