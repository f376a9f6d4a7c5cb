// Builds SPDK, and installs what the package uses of it.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SPDK_LOG } from './paths.js';
import { run } from './processes.js';
import type { Recipe, Source } from './spdk-source.js';
import type { Reporter } from './step.js';

// The libraries that the initiator and the three programs need. Not iscsi, whose arc4random conflicts with that of glibc
// 2.36, and none that only SPDK's own tests use.
const LIBRARIES = [
  ...[
    'accel',
    'bdev',
    'blob',
    'blobfs',
    'conf',
    'env_dpdk',
    'event',
    'ftl',
    'ioat',
    'json',
    'jsonrpc',
    'log',
  ],
  ...[
    'log_rpc',
    'lvol',
    'nbd',
    'net',
    'notify',
    'nvme',
    'nvmf',
    'rdma',
    'rpc',
    'scsi',
    'sock',
    'thread',
    'trace',
  ],
  ...['util', 'vmd'],
];

/** The programs for tests and benchmarks: an independent target, and two plain initiators. */
const PROGRAMS = [
  { folder: 'app/nvmf_tgt', file: 'build/bin/nvmf_tgt' },
  { folder: 'examples/nvme/perf', file: 'build/examples/perf' },
  { folder: 'examples/nvme/identify', file: 'build/examples/identify' },
];

export async function buildSpdk(
  tree: string,
  made: string,
  recipe: Recipe,
  source: Source,
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
  for (const library of LIBRARIES) await run('make', [jobs, '-C', `lib/${library}`], options);
  await run('make', [jobs, '-C', 'module'], options);
  report('building nvmf_tgt, perf and identify');
  for (const { folder } of PROGRAMS) await run('make', [jobs, '-C', folder], options);

  collect(tree, made);
  fs.writeFileSync(path.join(made, 'include', 'spdk_nvme_patches.h'), patchesHeader(recipe));
  const manifest = {
    spdk: recipe.release,
    source: { package: source.package, version: source.version, sha256: source.sha256 },
    patches: recipe.patches.map(({ name, sha256 }) => ({ name, sha256 })),
    configure,
  };
  fs.writeFileSync(path.join(made, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Defines for the addon, which is compiled against this build, the applied patches (native/spdk/release.h). */
export function patchesHeader({ patches }: Pick<Recipe, 'patches'>): string {
  return `#define SPDK_NVME_PATCHES "${patches.map(({ name }) => name).join(' ')}"\n`;
}

/** Copies the files of a build tree to the layout of an installation. */
function collect(tree: string, made: string): void {
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
  for (const { file } of PROGRAMS) {
    fs.copyFileSync(path.join(tree, file), path.join(into('bin'), path.basename(file)));
  }
}
