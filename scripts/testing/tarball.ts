// The part of `npm test` that uses the packed package.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
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

/** What users of the package do not need. */
const NOT_SHIPPED = /^(test|build|node_modules|\.ci|scripts\/(testing|setup|fabric))\/|(?<!\.d)\.ts$/;

/** Packs the package and uses it in an empty project, as users do. */
export function runTarballChecks(folder: string, signal: AbortSignal): Promise<Counts> {
  const project = path.join(folder, 'project');
  let tarball = '';
  const run = (file: string, ...args: string[]) => command(file, args, signal, { cwd: project, env: ENV });
  const prints = async (wanted: RegExp, file: string, ...args: string[]) => {
    const printed = await run(file, ...args);
    if (!wanted.test(printed)) throw new Error(`It printed: ${printed}`);
  };

  const checks: Check[] = [
    {
      name: 'npm pack',
      run: async () => {
        fs.mkdirSync(project);
        const printed = await command('npm', ['pack', '--json', '--pack-destination', folder], signal);
        const [packed] = JSON.parse(printed.slice(printed.indexOf('[\n')));
        tarball = path.join(folder, packed.filename);
        const names: string[] = packed.files.map((file: { path: string }) => file.path);
        const unwanted = names.filter((name) => NOT_SHIPPED.test(name));
        const stale = names.filter((name) => /^dist\/(?!shared\/)/.test(name) && !hasSource(name));
        if (unwanted.length + stale.length > 0) {
          throw new Error(`The package has ${[...unwanted, ...stale].join(', ')}`);
        }
      },
    },
    {
      name: 'npm install in an empty project, which builds the addon',
      run: async () => {
        fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "project", "private": true }');
        copyDependencies(project);
        await run('npm', 'install', '--offline', '--no-audit', '--no-fund', tarball);
      },
    },
    {
      name: 'used by an ECMAScript module',
      run: async () => {
        fs.writeFileSync(path.join(project, 'module.mjs'), MODULE);
        await prints(PRINTED, process.execPath, 'module.mjs');
      },
    },
    {
      name: 'used by CommonJS',
      run: async () => {
        fs.writeFileSync(path.join(project, 'common.cjs'), COMMONJS);
        await prints(PRINTED, process.execPath, 'common.cjs');
      },
    },
    {
      name: 'compiled by TypeScript',
      run: async () => {
        fs.writeFileSync(path.join(project, 'types.mts'), MODULE);
        const tsc = require.resolve('typescript/bin/tsc');
        const types = ['--typeRoots', path.join(root, 'node_modules/@types'), '--types', 'node'];
        await run(
          process.execPath,
          tsc,
          '--noEmit',
          '--strict',
          '--module',
          'nodenext',
          ...types,
          'types.mts',
        );
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
    ...packageManagerChecks(folder, () => tarball, signal),
    ...prebuiltChecks(folder, () => tarball, signal),
  ];
  return runChecks(checks, signal);
}

/** Whether a compiled file is of a source that is still there, and not of an earlier layout. */
function hasSource(name: string): boolean {
  const source = name.replace(/^dist\/(cli\/)?/, (_, cli) => (cli ? 'cli/' : 'lib/'));
  return fs.existsSync(path.join(root, source.replace(/(\.d)?\.[cm]?[jt]s(\.map)?$/, '.ts')));
}

// npm gives its settings to its scripts in the environment; the project's npm must find its own.
const ENV = { npm_config_ignore_scripts: 'false', npm_config_local_prefix: '', JOBS: 'max' };
