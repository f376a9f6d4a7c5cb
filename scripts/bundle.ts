// Bundles the library and the command line into the few files of dist/ that users load. A process or a worker thread loads one
// file several times as fast as a hundred; tsc has checked the types and written the declarations.
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [
    { in: 'lib/index.ts', out: 'index' },
    { in: 'lib/file/index.ts', out: 'file/index' },
    { in: 'lib/testing/index.ts', out: 'testing/index' },
    // The install script asks it whether to build.
    { in: 'lib/native/prebuilt.ts', out: 'native/prebuilt' },
    { in: 'cli/main.ts', out: 'cli/main' },
  ],
  outdir: 'dist',
  chunkNames: 'shared/[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  // The command line imports the package by its name; the paths of tsconfig.json would lead into the source.
  tsconfigRaw: '{}',
  sourcemap: true,
  logLevel: 'warning',
  metafile: true,
});

for (const name of Object.keys(metafile.outputs).filter((output) => output.endsWith('.js'))) {
  const file = path.join(root, name);
  fs.writeFileSync(file, withNamesOfClasses(fs.readFileSync(file, 'utf8')));
}

/**
 * esbuild writes a class that mentions itself as `var Batch = class _Batch`, and users would see that name in every stack and
 * in what `console.log()` prints. A space takes the place of the `_`, so that the columns of the source map stay right.
 */
function withNamesOfClasses(code: string): string {
  const renamed = new Set([...code.matchAll(/^var (\w+) = class _\1\b/gm)].map(([, name]) => `_${name}`));
  return code.replaceAll(/\b_\w+/g, (word) => (renamed.has(word) ? ` ${word.slice(1)}` : word));
}
