// The code in the documents, for tests that compile and run it.

import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface Fence {
  /** As in 'docs/guide/reading-and-writing.md:57'. */
  readonly place: string;
  /** What the fence is said to be: `ts`, `js`, `sh`, or nothing. */
  readonly language: string;
  readonly code: string;
}

export const documents: readonly string[] = [
  ...fs.readdirSync(root).filter((name) => name.endsWith('.md')),
  ...fs
    .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Every fenced piece of code of every document, those inside lists too. */
export function fences(): Fence[] {
  return documents.flatMap((document) => {
    const text = fs.readFileSync(path.join(root, document), 'utf8');
    return [...text.matchAll(/^( *)```(\w*)[^\n]*\n(.*?)^\1```$/gms)].map((match) => {
      const [, indent = '', language = '', code = ''] = match;
      const line = text.slice(0, match.index).split('\n').length;
      return {
        place: `${document}:${line}`,
        language,
        code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      };
    });
  });
}

/** The variables that code in the documents uses without declaring them, and their types. */
const given = {
  env: 'Environment',
  controller: 'Controller',
  id: 'string',
  ns: 'Namespace',
} as const;

/** What a fence gets that is run. */
export type FenceWorld = { readonly [Name in keyof typeof given]: unknown };

/**
 * A TypeScript module whose function `fence` runs the code, with the variables that it does not declare. The code may have its own
 * of any of that.
 * @param api what `spdk-nvme` is imported from
 */
export function moduleOf(code: string, api = 'spdk-nvme'): string {
  const entry = api.endsWith('/index.js') ? api.replace(/index\.js$/, '$1/index.js') : `${api}/$1`;
  const imports = /^import [^;]*;\n/gm;
  const own = [...code.matchAll(imports)]
    .join('')
    .replaceAll(`'spdk-nvme'`, `'${api}'`)
    .replaceAll(/'spdk-nvme\/(\w+)'/g, `'${entry}'`);
  const world = Object.entries(given).map(([name, type]) => {
    const text = /^[A-Z]/.test(type) ? `import('${api}').${type}` : type;
    return `${name}: ${text}`;
  });
  return [
    own,
    `export async function fence({ ${Object.keys(given).join(', ')} }: { ${world.join('; ')} }): Promise<void> {`,
    `void [${Object.keys(given).join(', ')}];`,
    `{\n${code.replaceAll(imports, '')}\n}`,
    '}',
  ].join('\n');
}
