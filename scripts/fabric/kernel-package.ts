// The guest's kernel and modules, from Debian's package.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { FabricError } from './errors.js';
import { unpackKernel } from './kernel.js';
import { withoutSignature } from './modules.js';
import { exists, type Report, sbinPath } from './shared.js';

export interface Kernel {
  /** The folder with vmlinux and lib/modules. */
  readonly folder: string;
  readonly version: string;
}

const META_PACKAGE = 'linux-image-amd64';
/** The modules that are kept; the guest has no sound or graphics. */
const KEPT_MODULES = [
  ...['arch', 'block', 'crypto', 'lib', 'net', 'security'],
  ...['drivers/block', 'drivers/char', 'drivers/infiniband', 'drivers/nvme', 'drivers/virtio'],
  ...['drivers/net/dummy.ko', 'drivers/net/veth.ko'],
  ...['fs/9p', 'fs/configfs', 'fs/fscache', 'fs/netfs', 'fs/overlayfs'],
];
/** Changes with the kept modules, so that a folder of an older checkout is not used. */
const FORMAT = createHash('sha256').update(KEPT_MODULES.join()).digest('hex').slice(0, 8);
const FOLDER = /^kernel-(.+)\.[0-9a-f]{8}$/;

/** A downloaded kernel stays in use: runs are reproducible and need not query the package index. */
export async function newestKernel(cache: string): Promise<Kernel | undefined> {
  const names = (await readdir(cache).catch(() => [])).filter(
    (name) => FOLDER.test(name) && name.endsWith(FORMAT),
  );
  const newest = names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  return newest ? { folder: join(cache, newest), version: FOLDER.exec(newest)?.[1] ?? '' } : undefined;
}

export async function fetchKernel(cache: string, report: Report): Promise<Kernel> {
  const name = await kernelPackage();
  const version = name.slice('linux-image-'.length);
  const folder = await whole(cache, `kernel-${version}.${FORMAT}`, async (folder) => {
    report(`Downloading Debian’s ${name} (70 MB, not installed on this machine)`);
    // apt warns that its own user cannot write here, and then continues as root.
    await execa('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', name], { cwd: folder }).catch(
      (error: Error) => {
        throw new FabricError(`Cannot download ${name}. Run apt-get update and try again.\n${error.message}`);
      },
    );
    const [deb] = (await readdir(folder)).filter((file) => file.endsWith('.deb'));
    if (!deb) throw new FabricError(`apt-get download ${name} left no package`);
    report('Unpacking the kernel');
    const unpacked = join(folder, 'unpacked');
    await execa('dpkg-deb', ['-x', join(folder, deb), unpacked]);
    await rm(join(folder, deb));
    await unpackKernel(join(unpacked, 'boot', `vmlinuz-${version}`), join(folder, 'vmlinux'));
    await keepModules(join(unpacked, 'lib/modules', version), join(folder, 'lib/modules', version));
    await rm(unpacked, { recursive: true });
    await execa('depmod', ['-b', folder, version], { preferLocal: false, env: sbinPath() });
  });
  return { folder, version };
}

async function kernelPackage(): Promise<string> {
  const { stdout } = await execa('apt-cache', ['depends', META_PACKAGE], { reject: false });
  const name = /Depends: (linux-image-\S+)/.exec(stdout ?? '')?.[1];
  if (!name) {
    throw new FabricError(
      `apt knows no ${META_PACKAGE}: run apt-get update (Debian 12 or later on x86-64 is needed)`,
    );
  }
  return name;
}

/** Moves what the guest needs of lib/modules/VERSION, as files that it can load as they are: Debian 13 compresses them. */
export async function keepModules(from: string, to: string): Promise<void> {
  for (const kept of KEPT_MODULES.flatMap((name) => (name.endsWith('.ko') ? [name, `${name}.xz`] : name))) {
    const source = join(from, 'kernel', kept);
    const target = join(to, 'kernel', kept);
    if (!(await exists(source))) continue;
    await mkdir(join(target, '..'), { recursive: true });
    await rename(source, target);
  }
  for (const list of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    await rename(join(from, list), join(to, list));
  }
  const compressed = (await readdir(to, { recursive: true })).filter((file) => file.endsWith('.ko.xz'));
  if (compressed.length > 0) await execa('xz', ['--decompress', '--', ...compressed], { cwd: to });
  for (const file of await readdir(to, { recursive: true })) {
    if (!file.endsWith('.ko')) continue;
    const path = join(to, file);
    await writeFile(path, withoutSignature(await readFile(path)));
  }
}

/** Creates `cache/name` in a temporary folder and renames it when it is complete. */
async function whole(cache: string, name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cache, name);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, '.unfinished-'));
  try {
    await make(folder);
    await rename(folder, target).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was faster; its result is the same.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return target;
}
