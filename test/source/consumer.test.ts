// What a program that uses this package meets when it is compiled: the shipped types are checked too, with nothing
// installed but what package.json declares.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
const { dependencies, peerDependencies, exports, types } = JSON.parse(
  fs.readFileSync(path.join(root, 'package.json'), 'utf8'),
);

let folder: string;

/** Declarations that several programs have, by what their syntax depends on. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function hostOf(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    getCurrentDirectory: () => folder,
    getSourceFile(file, language, ...rest) {
      if (!/\.d\.[cm]?ts$/.test(file)) return host.getSourceFile(file, language, ...rest);
      const { languageVersion, impliedNodeFormat, jsDocParsingMode } =
        typeof language === 'object' ? language : { languageVersion: language };
      const key = [file, languageVersion, impliedNodeFormat, jsDocParsingMode].join();
      if (!parsed.has(key)) parsed.set(key, host.getSourceFile(file, language, ...rest));
      return parsed.get(key);
    },
  };
}

/** What tsc says about a program, with the words of its command line. In this process, which has the compiler warm after the first. */
function compile(file: string, ...words: string[]): string {
  const { options, errors } = ts.parseCommandLine([...strict, ...words]);
  const host = hostOf(options);
  const program = ts.createProgram([path.join(folder, file)], options, host);
  const messages = checked(program).flatMap((source) => ts.getPreEmitDiagnostics(program, source));
  return ts.formatDiagnostics(ts.sortAndDeduplicateDiagnostics([...errors, ...messages]), host);
}

let isFirst = true;

/** The files of a program that are checked: all of the first, then all but the types of JavaScript and Node.js, which take longest. */
function checked(program: ts.Program): readonly ts.SourceFile[] {
  const all = program.getSourceFiles();
  if (isFirst) {
    isFirst = false;
    return all;
  }
  return all.filter(({ fileName }) => !fileName.startsWith(path.join(root, 'node_modules/')));
}

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-consumer-'));
  const installed = path.join(folder, 'node_modules/spdk-nvme');
  fs.mkdirSync(installed, { recursive: true });
  fs.writeFileSync(
    path.join(installed, 'package.json'),
    JSON.stringify({ name: 'spdk-nvme', type: 'module', exports, types, dependencies, peerDependencies }),
  );
  const build = path.join(root, 'tsconfig.build.json');
  const { stdout } = spawnSync(
    process.execPath,
    [tsc, '-p', build, '--outDir', path.join(installed, 'dist')],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toBe('');
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    const link = path.join(folder, 'node_modules', name);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(path.join(root, 'node_modules', name), link);
  }
  const sources = path.join(root, 'test/source/consumer');
  for (const name of fs.readdirSync(sources)) {
    fs.copyFileSync(path.join(sources, name), path.join(folder, name.replace(/\.txt$/, '')));
  }
}, 180_000);
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Each with the file that such a program would have. */
const projects: readonly [string, string, readonly string[]][] = [
  ['an ECMAScript module', 'module.mts', ['--module', 'nodenext', '--target', 'es2022']],
  ['an ECMAScript module with node16', 'module.mts', ['--module', 'node16', '--target', 'es2022']],
  ['an ECMAScript module of an older target', 'module.mts', ['--module', 'nodenext', '--target', 'es2020']],
  ['CommonJS with nodenext', 'common.cts', ['--module', 'nodenext', '--target', 'es2022']],
  ['CommonJS with node16', 'dynamic.cts', ['--module', 'node16', '--target', 'es2022']],
  [
    'CommonJS as it used to be',
    'old.ts',
    ['--module', 'commonjs', '--moduleResolution', 'node10', '--esModuleInterop', '--target', 'es2022'],
  ],
];

/** The options of all of them. The types of DOM are left out, whatever the target. */
const strict = ['--strict', '--skipLibCheck', 'false', '--lib', 'es2022', '--noEmit'];

describe('the shipped types compile in', () => {
  it.each(projects)('%s', { timeout: 180_000 }, (_, file, options) => {
    expect(compile(file, '--exactOptionalPropertyTypes', ...options)).toBe('');
  });

  it('a project without exactOptionalPropertyTypes', { timeout: 180_000 }, () => {
    expect(compile('module.mts', '--module', 'nodenext', '--target', 'es2022')).toBe('');
  });
});

it('no internal member is in the shipped types, and no internal class can be made', {
  timeout: 180_000,
}, () => {
  // Each line of it is an error that is expected.
  expect(compile('internals.mts', '--module', 'nodenext', '--target', 'es2022')).toBe('');
});
