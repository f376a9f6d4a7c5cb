// Bundles the library and the command line into the few files of dist/ that users load. A process or a worker thread loads one
// file several times as fast as a hundred; tsc has checked the types and written the declarations.
import path from 'node:path';
import { build } from 'esbuild';

await build({
  absWorkingDir: path.resolve(import.meta.dirname, '..'),
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
});
