// The part of `npm test` that uses the packed package.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { cachedCompiler } from '../setup/compiler-cache.js';
import { root } from '../setup/paths.js';
import { type Check, command, runChecks } from './checks.js';
import type { Counts } from './counts.js';
import { copyDependencies, packageManagerChecks } from './package-managers.js';
import { prebuiltChecks } from './prebuilt.js';

const require = createRequire(import.meta.url);

const MODULE = `
import { SpdkError, parseTransportId, spdkVersion } from 'spdk-nvme';
try {
  parseTransportId('trtype:RDMA');
} catch (error) {
  if (!(error instanceof SpdkError)) throw error;
  console.log(error.code, spdkVersion().text);
}
`;
const COMMONJS = MODULE.replace(/import (.*) from (.*);/, 'const $1 = require($2);');
/** The output of both modules; a package without its addon has no version. */
const PRINTED = /^ERR_SPDK_INVALID_TRANSPORT_ID SPDK v\d/;

/** The types of Node.js come from this checkout. */
const TSC_OPTIONS = [
  ...['--noEmit', '--strict', '--module', 'nodenext'],
  ...['--typeRoots', path.join(root, 'node_modules/@types'), '--types', 'node'],
];

/** What users of the package do not need. */
const NOT_SHIPPED = /^(test|build|node_modules|\.ci|scripts\/(testing|setup|fabric))\/|(?<!\.d)\.ts$/;

/** Packs the package and uses it in an empty project, as users do. */
export function runTarballChecks(folder: string, signal: AbortSignal): Promise<Counts> {
  let tarball = '';
  const packed = () => tarball;
  const pack: Check = {
    name: 'npm pack',
    run: async () => {
      tarball = await packInto(folder, signal);
    },
  };
  return runChecks(
    [
      pack,
      ...projectChecks(path.join(folder, 'project'), packed, signal),
      ...packageManagerChecks(folder, packed, signal),
      ...prebuiltChecks(folder, packed, signal),
    ],
    signal,
  );
}

/** @returns the path of the packed package, which has no file that users do not need, and none of an earlier layout */
async function packInto(folder: string, signal: AbortSignal): Promise<string> {
  const printed = await command('npm', ['pack', '--json', '--pack-destination', folder], signal);
  const [packed] = JSON.parse(printed.slice(printed.indexOf('[\n')));
  const names: string[] = packed.files.map((file: { path: string }) => file.path);
  const unwanted = names.filter((name) => NOT_SHIPPED.test(name));
  const stale = names.filter((name) => /^dist\/(?!shared\/)/.test(name) && !hasSource(name));
  if (unwanted.length + stale.length > 0) {
    throw new Error(`The package has ${[...unwanted, ...stale].join(', ')}`);
  }
  return path.join(folder, packed.filename);
}

/** Installs the package in an empty project, and uses it there in every way. */
function projectChecks(project: string, packed: () => string, signal: AbortSignal): Check[] {
  const env = { ...ENV, ...cachedCompiler(path.dirname(project)) };
  const run = (file: string, ...args: string[]) => command(file, args, signal, { cwd: project, env });
  const prints = async (wanted: RegExp, file: string, ...args: string[]) => {
    const printed = await run(file, ...args);
    if (!wanted.test(printed)) throw new Error(`It printed: ${printed}`);
  };
  const write = (name: string, text: string) => fs.writeFileSync(path.join(project, name), text);
  return [
    {
      name: 'npm install in an empty project, which builds the addon',
      run: async () => {
        fs.mkdirSync(project);
        write('package.json', '{ "name": "project", "private": true }');
        copyDependencies(project);
        await run('npm', 'install', '--offline', '--no-audit', '--no-fund', packed());
      },
    },
    {
      name: 'used by an ECMAScript module',
      run: async () => {
        write('module.mjs', MODULE);
        await prints(PRINTED, process.execPath, 'module.mjs');
      },
    },
    {
      name: 'used by CommonJS',
      run: async () => {
        write('common.cjs', COMMONJS);
        await prints(PRINTED, process.execPath, 'common.cjs');
      },
    },
    {
      name: 'compiled by TypeScript',
      run: async () => {
        write('types.mts', MODULE);
        await run(process.execPath, require.resolve('typescript/bin/tsc'), ...TSC_OPTIONS, 'types.mts');
      },
    },
    {
      name: 'npx spdk-nvme --help',
      run: () => prints(/Usage: spdk-nvme/, 'npx', '--offline', 'spdk-nvme', '--help'),
    },
    {
      name: 'npx spdk-nvme build, which builds the addon again',
      run: async () => {
        fs.rmSync(path.join(project, 'node_modules/spdk-nvme/build/Release/spdk_nvme.node'));
        await prints(/spdk-nvme: the addon is built/, 'npx', '--offline', 'spdk-nvme', 'build');
        await prints(PRINTED, process.execPath, 'module.mjs');
      },
    },
  ];
}

/** Whether a compiled file is of a source that is still there, and not of an earlier layout. */
function hasSource(name: string): boolean {
  const source = name.replace(/^dist\/(cli\/)?/, (_, cli) => (cli ? 'cli/' : 'lib/'));
  return fs.existsSync(path.join(root, source.replace(/(\.d)?\.[cm]?[jt]s(\.map)?$/, '.ts')));
}

// npm gives its settings to its scripts in the environment; the project's npm must find its own.
const ENV = { npm_config_ignore_scripts: 'false', npm_config_local_prefix: '', JOBS: 'max' };
