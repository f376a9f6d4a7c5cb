import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../setup/paths.js';
import { type Check, command, runChecks } from './checks.js';
import type { Counts } from './counts.js';
import { siteCheck } from './site.js';
import { nativeChecks } from './source-native.js';

const require = createRequire(import.meta.url);
const biome = path.join(root, 'node_modules/.bin/biome');
const prettier = path.join(root, 'node_modules/.bin/prettier');
const knip = path.join(root, 'node_modules/.bin/knip');
const tsc = require.resolve('typescript/bin/tsc');

const typescriptChecks: Check[] = [
  {
    name: 'Biome: lint and format',
    run: async (signal) => {
      await command(biome, ['check', '--error-on-warnings', '.'], signal);
    },
  },
  {
    name: 'Prettier: format of the documents',
    run: async (signal) => {
      await command(prettier, ['--check', '--log-level', 'warn', '**/*.md'], signal);
    },
  },
  {
    name: 'tsc: types of the package, its scripts and its tests',
    run: async (signal) => {
      await command(process.execPath, [tsc, '--noEmit'], signal);
    },
  },
  {
    name: 'Knip: exports, files and dependencies that nothing uses',
    run: async (signal) => {
      await command(knip, ['--no-progress'], signal);
    },
  },
];

/** Checks of the source: linters, formatters, types, and the documentation site. */
export function runSourceChecks(_folder: string, signal: AbortSignal): Promise<Counts> {
  return runChecks([...typescriptChecks, siteCheck, ...nativeChecks], signal);
}
