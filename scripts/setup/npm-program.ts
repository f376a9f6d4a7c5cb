// Programs in packages of npm's registry.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { run } from './processes.js';
import { SetupError } from './step.js';

/** The beginning of the name of a folder whose program is not complete. */
const UNFINISHED = '.unfinished-';

/** A program in a package of npm's registry. */
export interface NpmProgram {
  readonly package: string;
  readonly version: string;
  /** The `integrity` of npm: the SHA-512 of the package. */
  readonly integrity: string;
  /** The program's path in the package. */
  readonly file: string;
  /** Whether the program needs the other files of the package. */
  readonly needsAll?: boolean;
}

/**
 * Fetches a program from npm's registry and sees it start. Nothing but this file is unpacked if that is enough, and none
 * of the package's scripts is run.
 * @param made the folder that has the file, at its path in the package, once all of it is there
 */
export async function fetchNpmProgram(
  { package: name, version, integrity, file, needsAll = false }: NpmProgram,
  made: string,
  log: string,
  onLine?: (line: string) => void,
): Promise<void> {
  const wanted = `${name}@${version}`;
  fs.mkdirSync(path.dirname(made), { recursive: true });
  const work = fs.mkdtempSync(path.join(path.dirname(made), UNFINISHED));
  try {
    await run('npm', ['pack', wanted, '--pack-destination', work], {
      cwd: work,
      log,
      ...(onLine && { onLine }),
    });
    const [archive = ''] = fs.readdirSync(work).map((entry) => path.join(work, entry));
    const sum = `sha512-${createHash('sha512').update(fs.readFileSync(archive)).digest('base64')}`;
    if (sum !== integrity) throw new SetupError(`${wanted} has the checksum ${sum}, not ${integrity}`);

    const unpacked = path.join(work, 'made');
    fs.mkdirSync(unpacked);
    const wantedFiles = needsAll ? [] : [`package/${file}`];
    await run('tar', ['-xzf', archive, '-C', unpacked, '--strip-components=1', ...wantedFiles], { log });
    const program = path.join(unpacked, file);
    const [first = '', ...rest] = file.endsWith('.js') ? [process.execPath, program] : [program];
    await run(first, [...rest, '--version'], { log });
    fs.renameSync(unpacked, made);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** Removes what a fetch that was killed has left. No other may be in progress. */
export function removeUnfinished(folder: string): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(folder).filter((entry) => entry.startsWith(UNFINISHED))) {
    fs.rmSync(path.join(folder, name), { recursive: true });
  }
}
