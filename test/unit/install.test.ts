// What an installation without an addon leaves behind, and what the first use of the package says then.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const { version, files } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
/** What of the package an installation and the first use run. */
const SHIPPED = [...(files as string[]).filter((name) => /^(dist|scripts)\b/.test(name)), 'package.json'];
const isRun = (file: string) => !/\.(d\.ts|map)$/.test(file);
const addon = path.join(root, 'build/Release/spdk_nvme.node');

// Each test starts some processes.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let programs: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-install-'));
  for (const name of SHIPPED)
    fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true, filter: isRun });
  for (const name of ['commander', 'cli-table3', 'cli-progress', 'string-width', 'uplot']) {
    fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
    fs.symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
  }
  programs = path.join(folder, 'programs');
  fs.mkdirSync(programs);
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

interface Machine {
  readonly SPDK_PREFIX?: string;
  readonly PATH?: string;
  readonly npm_command?: string;
}

/** Runs a script of the installed package, on a machine that has no SPDK and no programs but those given. */
function run(args: readonly string[], machine: Machine = {}) {
  const env = { HOME: folder, PATH: programs, ...machine };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return { status, printed: stdout + stderr };
}

const install = (machine?: Machine) => run(['scripts/install.mjs'], machine);
const build = (machine?: Machine, ...words: string[]) =>
  run(['dist/cli/main.js', 'build', ...words], machine);

/** The error of the first use. */
function firstUse(): string {
  const script =
    "import('./dist/index.js').then((p) => p.spdkVersion()).catch((e) => console.log(e.code, e.message))";
  return run(['-e', script]).printed;
}

/** An SPDK of which nothing is there but what is looked for before a build. */
function emptySpdk(): string {
  const write = (name: string, text = '') => {
    const file = path.join(folder, 'spdk', name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  };
  write('include/spdk/version.h', '#define SPDK_VERSION_MAJOR 24\n#define SPDK_VERSION_MINOR 9\n');
  for (const name of ['spdk_nvme', 'spdk_env_dpdk', 'rte_eal']) write(`lib/lib${name}.a`);
  return path.join(folder, 'spdk');
}

/** The real one is used by the tests of the packed package; this one does what `body` says when it is to build. */
function nodeGyp(body: string): void {
  for (const name of ['g++', 'make', 'python3']) fs.writeFileSync(path.join(programs, name), '');
  const bin = path.join(folder, 'node_modules/node-gyp/bin');
  fs.mkdirSync(bin, { recursive: true });
  fs.writeFileSync(
    path.join(bin, 'node-gyp.js'),
    `const fs = require('node:fs'); if (process.argv[2] === 'build') { ${body} }`,
  );
}

/** Whether a process runs; a zombie does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('without SPDK', () => {
  it('an installation succeeds, and the first use says where SPDK was looked for', () => {
    expect(install()).toMatchObject({ status: 0, printed: expect.stringContaining('SPDK was not found') });
    const error = firstUse();
    expect(error).toMatch(/^ERR_SPDK_ADDON_MISSING .*SPDK was not found \(SPDK_PREFIX: not set; pkg-config/);
    expect(error).toContain('`npx spdk-nvme build --spdk /opt/spdk`');
  });

  it('whoever asks for a build gets a failure', () => {
    for (const { status, printed } of [
      install({ npm_command: 'rebuild' }),
      build(),
      build({}, '--spdk', '/nowhere'),
    ]) {
      expect(status).toBe(1);
      expect(printed).toContain('SPDK was not found');
    }
    expect(firstUse()).toContain('SPDK_PREFIX (/nowhere): /nowhere does not exist');
  });

  it('the doctor says both', () => {
    install();
    const { status, printed } = run(['dist/cli/main.js', 'doctor']);
    expect(status).toBe(1);
    expect(printed).toMatch(/FAILURE addon: ERR_SPDK_ADDON_MISSING.*SPDK was not found/);
    expect(printed).toContain('npx spdk-nvme build');
    expect(printed).toMatch(/FAILURE SPDK: SPDK was not found/);
  });
});

it('with the binary package nothing is built, unless an SPDK was named', () => {
  const prebuilt = path.join(folder, `node_modules/@spdk-nvme/${process.platform}-${process.arch}`);
  fs.mkdirSync(prebuilt, { recursive: true });
  fs.writeFileSync(path.join(prebuilt, 'package.json'), JSON.stringify({ version, glibc: '2.17' }));
  fs.copyFileSync(addon, path.join(prebuilt, 'spdk_nvme.node'));
  expect(install()).toMatchObject({ status: 0, printed: expect.stringContaining('binary package is used') });
  expect(firstUse()).toBe('');
  expect(install({ SPDK_PREFIX: '/nowhere' }).printed).toContain('SPDK was not found');
});

it('where no install script has run, the first use says that', () => {
  expect(firstUse()).toMatch(/the install script of this package has not run .*`npx spdk-nvme build`/);
});

it.each(['not JSON', '{}', 'null', '{"reason":1,"remedy":2}'])('a spoilt report (%s) is none', (text) => {
  fs.writeFileSync(path.join(folder, 'install-report.json'), text);
  expect(firstUse()).toContain('has not run');
});

describe('with SPDK', () => {
  it('and without a compiler the first use names the packages that are missing', () => {
    const { status, printed } = install({ SPDK_PREFIX: emptySpdk() });
    expect({ status, printed }).toMatchObject({
      status: 0,
      printed: expect.stringContaining('C++ compiler, make'),
    });
    expect(firstUse()).toContain('`apt-get install g++ make python3 && npx spdk-nvme build`');
  });

  it('a build that fails shows its output, keeps it, and says what it lacked', () => {
    nodeGyp("console.error('x.cc:1: fatal error: infiniband/verbs.h: No such file'); process.exit(1)");
    const { status, printed } = install({ SPDK_PREFIX: emptySpdk() });
    expect({ status, printed }).toMatchObject({
      status: 1,
      printed: expect.stringContaining('x.cc:1: fatal error'),
    });
    const log = path.join(folder, 'install.log');
    expect(fs.readFileSync(log, 'utf8')).toContain('x.cc:1: fatal error');
    const error = firstUse();
    expect(error).toContain('building it for SPDK 24.09 failed: x.cc:1: fatal error: infiniband/verbs.h');
    expect(error).toContain(log);
    expect(error).toContain('`apt-get install libibverbs-dev && npx spdk-nvme build`');
    expect(build({ SPDK_PREFIX: emptySpdk() }).status).toBe(1);
  });

  it('files of the package that cannot be changed are a reason, without a stack', () => {
    nodeGyp('');
    // Root may change every file, but a folder is no file for anybody.
    fs.mkdirSync(path.join(folder, 'install.log'));
    const { status, printed } = build({ SPDK_PREFIX: emptySpdk() });
    expect(printed).toMatch(
      /the addon is not built: the files of the package cannot be changed \(.*install\.log/,
    );
    expect(printed).not.toMatch(/\n\s+at /);
    expect(status).toBe(1);
  });

  it('a build is a failure too when what it made does not load', () => {
    nodeGyp(
      "fs.mkdirSync('build/Release', { recursive: true }); fs.writeFileSync('build/Release/spdk_nvme.node', '')",
    );
    expect(build({}, '--spdk', emptySpdk())).toMatchObject({
      status: 1,
      printed: expect.stringContaining('too short'),
    });
  });

  it('a signal ends a build with all that it has started', { timeout: 30_000 }, async () => {
    const pids = path.join(folder, 'pids');
    // It and its child ignore what asks them to end.
    nodeGyp(
      `process.on('SIGTERM', () => {}); process.on('SIGINT', () => {}); const { pid } = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"]); fs.writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + pid + '\\n'); setInterval(() => {}, 1000)`,
    );
    const env = { HOME: folder, PATH: programs, SPDK_PREFIX: emptySpdk() };
    const child = spawn(process.execPath, ['dist/cli/main.js', 'build'], {
      cwd: folder,
      env,
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    const started = () => (fs.existsSync(pids) ? fs.readFileSync(pids, 'utf8') : '');
    await vi.waitUntil(() => started().endsWith('\n'), { timeout: 20_000 });
    const begun = performance.now();
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(performance.now() - begun).toBeLessThan(10_000);
    for (const pid of started().trim().split(' ').map(Number)) {
      await vi.waitUntil(() => !isRunning(pid), { timeout: 5_000 });
    }
  });

  it('a build that succeeds says so, and the package works', () => {
    install();
    nodeGyp(`fs.cpSync(${JSON.stringify(addon)}, 'build/Release/spdk_nvme.node')`);
    expect(build({}, '--spdk', emptySpdk())).toMatchObject({
      status: 0,
      printed: expect.stringContaining('is built'),
    });
    expect(firstUse()).toBe('');
    fs.rmSync(path.join(folder, 'build'), { recursive: true });
    expect(firstUse()).toContain('it was removed after it was built');
  });
});
