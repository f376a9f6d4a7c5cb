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
import { unpackKernel } from './kernel.js';
import {
  FABRIC_MODULES,
  MODULE_PARAMETERS,
  parseShowDepends,
  ROOT_MODULES,
  withoutSignature,
} from './modules.js';
import { makeLink, makePorts, makeRdmaDevice, makeSubsystems } from './target.js';

/** What a boot needs; all of it in the cache. */
export interface FabricFiles {
  readonly kernel: string;
  readonly initramfs: string;
  /** lib/modules/VERSION of the guest's kernel, for modprobe in the guest. */
  readonly modules: string;
}

type Report = (line: string) => void;

const GUEST_FILES = { init: 'init.sh', 'agent.sh': 'agent.sh' } as const;
const META_PACKAGE = 'linux-image-amd64';
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];
/** What guest/init.sh uses of it; without /proc, which it mounts with one of them, busybox cannot find itself. */
const BUSYBOX_APPLETS = ['cp', 'hostname', 'insmod', 'ip', 'ln', 'mkdir', 'mount', 'switch_root'];
/** Everything but these is dropped from the kernel package: no guest has sound or graphics. */
const KEPT_MODULES = [
  'arch',
  'block',
  'crypto',
  'drivers/block',
  'drivers/char',
  'drivers/infiniband',
].concat(
  ['drivers/net/dummy.ko', 'drivers/net/veth.ko', 'drivers/net/bridge', 'drivers/nvme', 'drivers/virtio'],
  ['fs/9p', 'fs/configfs', 'fs/fscache', 'fs/netfs', 'fs/overlayfs', 'lib', 'net', 'security'],
);

/** Downloads and builds what is missing; returns at once when nothing is. */
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
  const kernel = (await newestKernel(cache)) ?? (await fetchKernel(cache, report));
  const guest = await guestFiles();
  const key = createHash('sha256');
  for (const [name, content] of Object.entries(guest))
    key.update(`${name}\0${content.length}\0`).update(content);
  key.update(JSON.stringify([BUSYBOX_APPLETS, ROOT_MODULES, FABRIC_MODULES, MODULE_PARAMETERS]));
  const initramfs = join(cache, `initramfs-${basename(kernel)}-${key.digest('hex').slice(0, 16)}.cpio`);
  const version = basename(kernel).slice('kernel-'.length);
  const modules = join(kernel, 'lib/modules', version);
  if (!(await exists(initramfs))) {
    report('Building the guest’s initramfs');
    await buildInitramfs(initramfs, kernel, version, guest);
  }
  return { kernel: join(kernel, 'vmlinux'), initramfs, modules };
}

/** A kernel once downloaded stays in use: reproducible, and no question to the package index at every run. */
async function newestKernel(cache: string): Promise<string | undefined> {
  const names = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('kernel-'));
  const newest = names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  return newest && join(cache, newest);
}

async function fetchKernel(cache: string, report: Report): Promise<string> {
  const name = await kernelPackage();
  return whole(cache, `kernel-${name.slice('linux-image-'.length)}`, async (folder) => {
    report(`Downloading Debian’s ${name} (70 MB, not installed on this machine)`);
    // apt drops to a user of its own that cannot write here, and says so; as root it goes on by itself.
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
    const version = name.slice('linux-image-'.length);
    await unpackKernel(join(unpacked, 'boot', `vmlinuz-${version}`), join(folder, 'vmlinux'));
    await keepModules(join(unpacked, 'lib/modules', version), join(folder, 'lib/modules', version));
    await rm(unpacked, { recursive: true });
    await execa('depmod', ['-b', folder, version], { preferLocal: false, env: sbinPath() });
  });
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

async function keepModules(from: string, to: string): Promise<void> {
  for (const kept of KEPT_MODULES) {
    const source = join(from, 'kernel', kept);
    const target = join(to, 'kernel', kept);
    if (!(await exists(source))) continue;
    await mkdir(join(target, '..'), { recursive: true });
    await rename(source, target);
  }
  for (const list of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    await rename(join(from, list), join(to, list));
  }
  for (const file of await readdir(to, { recursive: true })) {
    if (!file.endsWith('.ko')) continue;
    const path = join(to, file);
    await writeFile(path, withoutSignature(await readFile(path)));
  }
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
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes `cache/name` in a folder beside it and renames it when it is whole, so that no half-made one is ever used. */
async function whole(cache: string, name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cache, name);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, '.unfinished-'));
  try {
    await make(folder);
    await rename(folder, target).catch(async (error: NodeJS.ErrnoException) => {
      // Somebody else was faster; theirs is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return target;
}

/** kmod's programs live where an ordinary user's PATH may not reach. */
function sbinPath(): { PATH: string } {
  return { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
