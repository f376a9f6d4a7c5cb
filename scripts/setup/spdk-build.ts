// Builds SPDK, and installs the parts of it that it is given.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SPDK_LOG } from './paths.js';
import { run } from './processes.js';
import type { Recipe, Source } from './spdk-source.js';
import type { Reporter } from './step.js';

/** What is built of SPDK. */
export interface SpdkParts {
  /** The folders in lib/, in the order in which they are built. */
  readonly libraries: readonly string[];
  readonly programs: readonly { readonly folder: string; readonly file: string }[];
  /** A header that the build gets, and the macro in it with the names of the applied patches. */
  readonly patchesHeader: { readonly file: string; readonly macro: string };
}

export async function buildSpdk(
  tree: string,
  made: string,
  recipe: Recipe,
  source: Source,
  { libraries, programs, patchesHeader }: SpdkParts,
  { report, progress }: Reporter,
): Promise<void> {
  const options = { cwd: tree, log: SPDK_LOG, onLine: progress };
  const jobs = `-j${os.availableParallelism()}`;
  const arch = recipe.targetArch[process.arch];
  const configure = [...recipe.configure, ...(arch ? [`--target-arch=${arch}`] : [])];

  report('configuring SPDK');
  await run('./configure', configure, options);
  await run('make', ['build_dir', 'include/spdk/config.h'], options);
  report('building DPDK');
  await run('make', [jobs, '-C', 'dpdkbuild'], options);
  report('building SPDK’s libraries');
  for (const library of libraries) await run('make', [jobs, '-C', `lib/${library}`], options);
  await run('make', [jobs, '-C', 'module'], options);
  report(`building ${programs.map(({ file }) => path.basename(file)).join(', ')}`);
  for (const { folder } of programs) await run('make', [jobs, '-C', folder], options);

  collect(tree, made, programs);
  const define = patchesDefine(patchesHeader.macro, recipe.patches);
  fs.writeFileSync(path.join(made, 'include', patchesHeader.file), define);
  const manifest = {
    spdk: recipe.release,
    source: { package: source.package, version: source.version, sha256: source.sha256 },
    patches: recipe.patches.map(({ name, sha256 }) => ({ name, sha256 })),
    configure,
  };
  fs.writeFileSync(path.join(made, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The applied patches, as a macro for what is compiled against this build. */
export function patchesDefine(macro: string, patches: Recipe['patches']): string {
  return `#define ${macro} "${patches.map(({ name }) => name).join(' ')}"\n`;
}

/** Copies the files of a build tree to the layout of an installation. */
function collect(tree: string, made: string, programs: SpdkParts['programs']): void {
  const into = (name: string) => {
    const folder = path.join(made, name);
    fs.mkdirSync(folder, { recursive: true });
    return folder;
  };
  fs.cpSync(path.join(tree, 'include/spdk'), path.join(into('include'), 'spdk'), { recursive: true });
  fs.cpSync(path.join(tree, 'dpdk/build/include'), path.join(into('include'), 'dpdk'), { recursive: true });
  for (const from of ['build/lib', 'dpdk/build/lib']) {
    for (const name of fs.readdirSync(path.join(tree, from))) {
      if (name.endsWith('.a')) fs.copyFileSync(path.join(tree, from, name), path.join(into('lib'), name));
    }
  }
  for (const { file } of programs) {
    fs.copyFileSync(path.join(tree, file), path.join(into('bin'), path.basename(file)));
  }
}
