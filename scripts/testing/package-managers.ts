// Package managers that run no install scripts by default, and the first use of the package with each.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import recipe from '../node-releases.json' with { type: 'json' };
import { nodeProgram } from '../setup/node-releases.js';
import { root } from '../setup/paths.js';
import { type Check, command } from './checks.js';
import { packageManager } from './package-manager-programs.js';

const SPEC = 'file:../bundled.tgz';
/** What the first use of the package prints where there is no addon. */
const FIRST_USE = `import('spdk-nvme').then((p) => p.spdkVersion()).catch((e) => console.log(e.code, e.message))`;
const NOT_RUN = /^ERR_SPDK_ADDON_MISSING .*install script of this package has not run/;
const RUN = /^ERR_SPDK_ADDON_MISSING .*SPDK was not found \(SPDK_PREFIX: not set; pkg-config/;

/** A project that uses one package manager. */
interface Project {
  readonly cwd: string;
  /** Writes a JSON file. */
  readonly json: (file: string, value: object) => void;
  readonly run: (file: string, ...args: string[]) => Promise<string>;
  /** Fails unless the first use of the package prints what is wanted. */
  readonly says: (wanted: RegExp) => Promise<void>;
  /** Fails unless a program fails. */
  readonly fails: (file: string, ...args: string[]) => Promise<void>;
}

type NewProject = (name: string) => Project;

/**
 * Package managers that run no install scripts by default: the first use says that, and says something else once
 * the package is allowed to build, in the way that docs/guide/install.md gives. SPDK is out of their sight, so nothing is
 * compiled, and no registry is asked but for the package managers themselves.
 * @param packed where the packed package will be when the checks run
 */
export function packageManagerChecks(folder: string, packed: () => string, signal: AbortSignal): Check[] {
  const project: NewProject = (name) => {
    bundle(folder, packed());
    return newProject(folder, name, signal);
  };
  return [
    {
      name: 'npm --ignore-scripts: the first use says why, and npm rebuild fails without SPDK',
      run: () => withNpm(project),
    },
    {
      name: 'npm 12: the first use says why, until the install script is approved',
      run: () => withNpm12(project),
    },
    {
      name: 'pnpm: the first use says why, until allowBuilds names the package',
      run: () => withPnpm(project),
    },
    {
      name: 'Yarn: the first use says why, until dependenciesMeta names the package',
      run: () => withYarn(project),
    },
    {
      name: 'Bun: the first use says why, until the package is trusted, in either way',
      run: () => withBun(project),
    },
  ];
}

/** @param folder where the project is made, beside `bundled.tgz` */
function newProject(folder: string, name: string, signal: AbortSignal): Project {
  const cwd = path.join(folder, name);
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: path.join(folder, 'home'),
    PKG_CONFIG: '/nonexistent',
    YARN_ENABLE_NETWORK: '0',
    YARN_ENABLE_TELEMETRY: '0',
  };
  const json = (file: string, value: object) => fs.writeFileSync(path.join(cwd, file), JSON.stringify(value));
  const run = (file: string, ...args: string[]) =>
    command(file, args, signal, { cwd, env, extendEnv: false });
  const says = async (wanted: RegExp) => {
    const said = await run(process.execPath, '-e', FIRST_USE);
    if (!wanted.test(said)) throw new Error(`The first use said: ${said}`);
  };
  const fails = async (file: string, ...args: string[]) => {
    const succeeded = await run(file, ...args).then(
      () => true,
      () => false,
    );
    if (succeeded) throw new Error(`${file} ${args.join(' ')} succeeded`);
  };
  fs.mkdirSync(cwd);
  json('package.json', { name: 'project', private: true });
  return { cwd, json, run, says, fails };
}

async function withNpm(project: NewProject): Promise<void> {
  const { run, says, fails } = project('with-npm');
  await run('npm', 'install', '--offline', '--no-audit', '--ignore-scripts', SPEC);
  await says(NOT_RUN);
  await fails('npm', 'rebuild', 'spdk-nvme');
  await says(RUN);
  await fails('npx', '--offline', 'spdk-nvme', 'build');
}

async function withNpm12(project: NewProject): Promise<void> {
  // It does not support the older releases of Node.js.
  const [, npm = ''] = await packageManager('npm');
  const node = nodeProgram(recipe.releases.at(-1)?.version ?? '');
  const { cwd, run, says, fails } = project('with-npm-12');
  await run(node, npm, 'install', '--offline', '--no-audit', SPEC);
  await says(NOT_RUN);
  await run(node, npm, 'install-scripts', 'approve', 'spdk-nvme');
  await fails(node, npm, 'rebuild', 'spdk-nvme');
  await says(RUN);
  fs.rmSync(path.join(cwd, 'node_modules'), { recursive: true });
  await run(node, npm, 'install', '--offline', '--no-audit');
  await says(RUN);
}

async function withPnpm(project: NewProject): Promise<void> {
  const pnpm = await packageManager('pnpm');
  const { json, run, says, fails } = project('with-pnpm');
  // pnpm installs the package and ends with a failure, since the script is neither allowed nor forbidden.
  await fails(...pnpm, 'add', '--offline', SPEC);
  await says(NOT_RUN);
  json('pnpm-workspace.yaml', { allowBuilds: { [`spdk-nvme@${SPEC}`]: true } });
  await run(...pnpm, 'rebuild');
  await says(RUN);
}

async function withYarn(project: NewProject): Promise<void> {
  const yarn = await packageManager('yarn');
  const { cwd, json, run, says } = project('with-yarn');
  fs.writeFileSync(path.join(cwd, 'yarn.lock'), '');
  json('.yarnrc.yml', { nodeLinker: 'node-modules' });
  await run(...yarn, 'add', `spdk-nvme@${SPEC}`);
  await says(NOT_RUN);
  const manifest = JSON.parse(fs.readFileSync(path.join(cwd, 'package.json'), 'utf8'));
  json('package.json', { ...manifest, dependenciesMeta: { 'spdk-nvme': { built: true } } });
  await run(...yarn, 'install');
  await says(RUN);
}

async function withBun(project: NewProject): Promise<void> {
  const bun = await packageManager('bun');
  const { cwd, json, run, says } = project('with-bun');
  await run(...bun, 'add', SPEC);
  await says(NOT_RUN);
  await run(...bun, 'pm', 'trust', 'spdk-nvme');
  await says(RUN);
  fs.rmSync(path.join(cwd, 'node_modules'), { recursive: true });
  json('package.json', { dependencies: { 'spdk-nvme': SPEC }, trustedDependencies: ['spdk-nvme'] });
  await run(...bun, 'install');
  await says(RUN);
}

/** The packed package with all that it depends on inside it, so that it can be installed without a registry. */
export function bundle(folder: string, packed: string): string {
  const bundled = path.join(folder, 'bundled.tgz');
  if (fs.existsSync(bundled)) return bundled;
  const inside = path.join(folder, 'package');
  tar(folder, '-xzf', packed);
  copyDependencies(inside);
  const file = path.join(inside, 'package.json');
  const { dependencies: direct, devDependencies: _, ...manifest } = JSON.parse(fs.readFileSync(file, 'utf8'));
  fs.writeFileSync(file, JSON.stringify({ ...manifest, bundleDependencies: Object.keys(direct) }));
  tar(folder, '-czf', bundled, 'package');
  return bundled;
}

function tar(cwd: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('tar', args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar ${args.join(' ')}: ${stderr}`);
}

/** The packages that ours needs, from this checkout's: no registry is asked. */
export function copyDependencies(project: string): void {
  const { packages } = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  for (const [name, entry] of Object.entries<{ dev?: boolean; devOptional?: boolean }>(packages)) {
    if (name === '' || entry.dev || entry.devOptional) continue;
    fs.cpSync(path.join(root, name), path.join(project, name), { recursive: true });
  }
}
