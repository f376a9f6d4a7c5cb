// The checks of the C++ source.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { removeMovedBuild } from '../setup/moved-build.js';
import { buildFolder, root } from '../setup/paths.js';
import { type Check, command } from './checks.js';
import { type CompileCommand, TidyCache } from './tidy-cache.js';

const require = createRequire(import.meta.url);
const FOLDERS = ['native/binding', 'native/core', 'native/spdk'];
/** A folder apart from that of the C++ tests, which are built at the same time. */
const build = path.join(buildFolder, 'native-lint');

/** The linters of the addon's C++ source. */
export const nativeChecks: Check[] = [
  {
    name: 'clang-format',
    run: async (signal) => {
      await command('clang-format', ['--dry-run', '-Werror', ...sources(/\.(cc|h)$/)], signal);
    },
  },
  {
    name: 'clang-tidy',
    run: async (signal) => {
      await configure(signal);
      const units = sources(/\.cc$/);
      // clang-tidy makes up a command for a file without one, and success is none where there is no file.
      const known = new Map(compiled().map((one) => [path.resolve(one.directory, one.file), one]));
      const unknown = units.filter((file) => !known.has(file));
      if (units.length === 0 || unknown.length > 0) {
        throw new Error(
          `build/native-lint/compile_commands.json lacks: ${unknown.join(', ') || 'everything'}`,
        );
      }
      await tidy(new Map(units.map((file) => [file, known.get(file) as CompileCommand])), signal);
    },
  },
];

/** Runs clang-tidy on files, with their commands. Each is remembered as soon as nothing was found in it: a run that is ended loses no work. */
async function tidy(units: ReadonlyMap<string, CompileCommand>, signal: AbortSignal): Promise<void> {
  const cache = await TidyCache.open(signal);
  const left = [...units];
  const findings: string[] = [];
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [file, compile] = next;
      const key = await cache.keyOf(compile, signal);
      if (cache.has(key)) continue;
      await command('clang-tidy', ['-quiet', '-p', build, file], signal).then(
        () => cache.add(key),
        (error: Error) => findings.push(error.message),
      );
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, work));
  if (findings.length > 0) throw new Error(findings.join('\n'));
}

/** Writes compile_commands.json; needs no build. */
async function configure(signal: AbortSignal): Promise<void> {
  const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
  const source = path.join(root, 'native');
  removeMovedBuild(build, source);
  const args = ['-d', source, '-O', build, '-B', 'RelWithDebInfo'];
  await command(process.execPath, [cmakeJs, 'configure', ...args, '--CDSPDK_NVME_SANITIZE='], signal);
}

function sources(wanted: RegExp): string[] {
  return FOLDERS.flatMap((folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => wanted.test(name))
      .map((name) => path.join(root, folder, name)),
  ).sort();
}

function compiled(): CompileCommand[] {
  return JSON.parse(fs.readFileSync(path.join(build, 'compile_commands.json'), 'utf8'));
}
