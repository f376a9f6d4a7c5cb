// Makes the files that the guest boots from.

import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { fabricCache } from './cache.js';
import { FabricError } from './errors.js';
import { fetchKernel, newestKernel } from './kernel-package.js';
import { FABRIC_MODULES, MODULE_PARAMETERS, parseShowDepends, ROOT_MODULES } from './modules.js';
import { exists, type Report, sbinPath } from './shared.js';
import { makeLink, makePorts, makeRdmaDevice, makeSubsystems } from './target.js';

/** The files that a boot needs, all of them in the cache. */
export interface FabricFiles {
  readonly kernel: string;
  readonly initramfs: string;
  /** lib/modules/VERSION of the guest's kernel, for modprobe in the guest. */
  readonly modules: string;
}

const GUEST_FILES = { init: 'init.sh', 'agent.sh': 'agent.sh' } as const;
const LEFTOVERS_KEPT_MS = 3 * 24 * 3600 * 1000;
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
/** The programs that guest/init.sh uses; busybox cannot find itself before it has mounted /proc. */
const BUSYBOX_APPLETS = ['cp', 'hostname', 'insmod', 'ip', 'ln', 'mkdir', 'mount', 'switch_root'];
/** Downloads and builds missing files; returns immediately if there are none. */
export async function prepareFabric(report: Report): Promise<void> {
  await fabricFiles(report);
}

export async function fabricFiles(report: Report): Promise<FabricFiles> {
  if (process.arch !== 'x64') {
    throw new FabricError(
      'The virtual machine needs an x86-64 host: set SPDK_NVME_FABRIC=host to use this machine',
    );
  }
  const cache = fabricCache();
  const { folder: kernel, version } = (await newestKernel(cache)) ?? (await fetchKernel(cache, report));
  const guest = await guestFiles();
  const key = createHash('sha256');
  for (const [name, content] of Object.entries(guest))
    key.update(`${name}\0${content.length}\0`).update(content);
  key.update(JSON.stringify([BUSYBOX_APPLETS, ROOT_MODULES, FABRIC_MODULES, MODULE_PARAMETERS]));
  const initramfs = join(cache, `initramfs-${basename(kernel)}-${key.digest('hex').slice(0, 16)}.cpio`);
  const modules = join(kernel, 'lib/modules', version);
  if (!(await exists(initramfs))) {
    report('Building the guest’s initramfs');
    await buildInitramfs(initramfs, kernel, version, guest);
  }
  return { kernel: join(kernel, 'vmlinux'), initramfs, modules };
}

async function guestFiles(): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {
    'subsystems.sh': Buffer.from(makeSubsystems()),
    'link.sh': Buffer.from(makeLink()),
    'rdma.sh': Buffer.from(makeRdmaDevice()),
    'ports.sh': Buffer.from(makePorts()),
  };
  for (const [name, source] of Object.entries(GUEST_FILES)) {
    files[name] = await readFile(fileURLToPath(new URL(`guest/${source}`, import.meta.url)));
  }
  return files;
}

async function buildInitramfs(
  target: string,
  kernel: string,
  version: string,
  guest: Record<string, Buffer>,
): Promise<void> {
  const busybox = (await Promise.all(BUSYBOX.map(async (path) => ((await exists(path)) ? path : '')))).find(
    Boolean,
  );
  if (!busybox) throw new FabricError('busybox is missing: apt-get install busybox-static');
  const folder = await mkdtemp(join(fabricCache(), '.initramfs-'));
  try {
    const root = join(folder, 'root');
    for (const name of ['bin', 'proc', 'sys', 'dev', 'lower', 'upper', 'root', 'modules']) {
      await mkdir(join(root, name), { recursive: true });
    }
    await copyFile(busybox, join(root, 'bin/busybox'));
    for (const applet of BUSYBOX_APPLETS) await symlink('busybox', join(root, 'bin', applet));
    for (const [name, content] of Object.entries(guest)) {
      await writeFile(join(root, name), content, { mode: 0o755 });
    }
    const loaded = new Set<string>();
    for (const [list, names] of Object.entries({ root: ROOT_MODULES, fabric: FABRIC_MODULES })) {
      const files: string[] = [];
      for (const name of names) {
        const args = ['-d', kernel, '-S', version, '--show-depends', name];
        const { stdout } = await execa('modprobe', args, { env: sbinPath() });
        for (const path of parseShowDepends(stdout)) {
          if (loaded.has(path)) continue;
          loaded.add(path);
          const parameters = MODULE_PARAMETERS[basename(path, '.ko')];
          files.push(parameters ? `${basename(path)} ${parameters}` : basename(path));
          await copyFile(path, join(root, 'modules', basename(path)));
        }
      }
      await writeFile(join(root, 'modules', list), `${files.join('\n')}\n`);
    }
    // Not compressed: reading 10 MB takes the guest less time than unpacking 3.
    const entries = (await readdir(root, { recursive: true })).sort();
    const { stdout } = await execa('cpio', ['--create', '--format=newc', '--quiet', '--owner=0:0'], {
      cwd: root,
      input: `${entries.join('\n')}\n`,
      encoding: 'buffer',
    });
    await writeFile(join(folder, 'cpio'), stdout);
    await rename(join(folder, 'cpio'), target);
    await sweep(target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes old files; other checkouts' initramfs of the last days stay. */
async function sweep(current: string): Promise<void> {
  const cache = fabricCache();
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    if (!/^(initramfs-|\.initramfs-|\.unfinished-)/.test(name) || path === current) continue;
    if (Date.now() - (await stat(path)).mtimeMs > LEFTOVERS_KEPT_MS)
      await rm(path, { recursive: true, force: true });
  }
}
