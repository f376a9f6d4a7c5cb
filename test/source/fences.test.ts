// Every piece of code in the README and the documents is code: TypeScript and JavaScript compile, shell commands parse.
// test/tcp/fences.test.ts runs the TypeScript.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fences, moduleOf } from '../support/fences.js';

const root = path.resolve(import.meta.dirname, '../..');
const all = fences();
const of = (...languages: string[]) => all.filter(({ language }) => languages.includes(language));

/** Compiles modules with this checkout's own types; gives the compiler's messages, each of which begins with the name of its file. */
function compile(modules: ReadonlyMap<string, string>): string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-fences-'));
  try {
    for (const [name, text] of modules) fs.writeFileSync(path.join(folder, name), text);
    const config = {
      extends: path.join(root, 'tsconfig.json'),
      compilerOptions: {
        paths: {
          'spdk-nvme': [path.join(root, 'lib/index.ts')],
          'spdk-nvme/*': [path.join(root, 'lib/*/index.ts')],
          vitest: [path.join(root, 'node_modules/vitest/dist/index.d.ts')],
        },
        typeRoots: [path.join(root, 'node_modules/@types')],
        // Programs in documents are short: they assume that a list has a first element, and name values that they do not use.
        noUncheckedIndexedAccess: false,
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      include: [folder],
    };
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
    fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { cwd: folder, encoding: 'utf8' });
    // What belongs to a message is indented.
    return stdout === '' ? [] : stdout.trimEnd().split(/\n(?! )/);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** A file name that says where the code is from. */
const fileOf = (place: string) => `${place.replaceAll(/\W/g, '-')}.ts`;

describe('code in the documents', () => {
  it('is found, and of a known language', () => {
    expect(of('ts', 'js').length).toBeGreaterThan(6);
    expect(of('sh').length).toBeGreaterThan(6);
    // Those without a language are no code: diagrams, and what programs print.
    expect(all.filter(({ language }) => !['ts', 'js', 'sh', 'ini', ''].includes(language))).toEqual([]);
  });

  describe('that is TypeScript or JavaScript', () => {
    // Compiled together, since a compilation takes long.
    const mistake = 'mistake.ts';
    let messages: readonly string[];
    beforeAll(() => {
      const modules = new Map(of('ts', 'js').map(({ place, code }) => [fileOf(place), moduleOf(code)]));
      expect(modules.size).toBe(of('ts', 'js').length);
      modules.set(mistake, moduleOf('await controller.detach({ timeout: 1 });'));
      messages = compile(modules);
    }, 60_000);

    it('compiles', () => {
      expect(messages.filter((message) => !message.startsWith(mistake))).toEqual([]);
    });

    it('would not compile with a mistake in it', () => {
      const found = messages.filter((message) => message.startsWith(mistake));
      expect(found.join('\n')).toContain(`'timeout' does not exist in type 'DetachOptions'`);
    });
  });

  it.each(of('sh').map(({ place, code }) => [place, code]))('of the shell at %s parses', (_, code) => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
