import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spdkVersion } from '../../lib/index.js';
import { prebuiltName } from '../../lib/native/prebuilt.js';
import { root } from '../setup/paths.js';

const notice = path.join(import.meta.dirname, 'NOTICE.md');

/**
 * Packs the addon that set-up has built.
 * @returns the tarball's path
 * @throws {Error} when its SPDK is not linked into it
 */
export function packPrebuilt(out: string): string {
  const { text, linkage, dpdkLinkage, patches, file } = spdkVersion();
  if (linkage !== 'static' || dpdkLinkage !== 'static') {
    throw new Error(
      `SPDK is linked as ${linkage} and DPDK as ${dpdkLinkage} libraries, which other machines do not have. ` +
        'Set up with an SPDK_PREFIX that has archives of both.',
    );
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-prebuilt-'));
  try {
    const addon = path.join(folder, 'spdk_nvme.node');
    // Function names stay: ERR_SPDK_WEDGED shows them.
    execFileSync('strip', ['--strip-debug', '-o', addon, file]);
    const linked = { spdk: text, patches, glibc: glibcOf(addon), libraries: librariesOf(addon) };
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest(linked), null, 2));
    fs.writeFileSync(path.join(folder, 'README.md'), readme(linked));
    fs.copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
    fs.copyFileSync(notice, path.join(folder, 'NOTICE.md'));
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', path.resolve(out)], {
      cwd: folder,
      encoding: 'utf8',
    });
    const [packed] = JSON.parse(printed.slice(printed.indexOf('[\n')));
    return path.join(path.resolve(out), packed.filename);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** What the addon has in it, and what it needs where it is loaded. */
interface Linked {
  readonly spdk: string;
  readonly patches: readonly string[];
  readonly glibc: string;
  readonly libraries: readonly string[];
}

function manifest(linked: Linked): object {
  const own = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const { version, license, homepage, repository, bugs, os: systems, cpu, engines } = own;
  return {
    name: prebuiltName,
    version,
    description: `The native addon of spdk-nvme with ${linked.spdk} in it`,
    ...{ license: `${license} AND BSD-3-Clause`, homepage, repository, bugs },
    ...{ os: systems, cpu, libc: ['glibc'], engines },
    files: ['spdk_nvme.node', 'NOTICE.md'],
    // For Yarn: an addon cannot be loaded out of an archive.
    preferUnplugged: true,
    ...linked,
  };
}

function readme({ spdk, patches, glibc, libraries }: Linked): string {
  const patched = patches.length > 0 ? `, with the patches ${patches.join(', ')}` : '';
  return [
    `# ${prebuiltName}`,
    `The native addon of [spdk-nvme](https://example.invalid/spdk-nvme) with ${spdk} linked into it${patched}, for ` +
      'machines without a compiler or SPDK. Install the same version of both packages.',
    `It needs glibc ${glibc} or later and these libraries: ${libraries.map((name) => `\`${name}\``).join(', ')} ` +
      '(Debian and Ubuntu: `apt-get install libibverbs1 librdmacm1 libnuma1 libuuid1`).',
    'NOTICE.md has the licences of what is linked into it.\n',
  ].join('\n\n');
}

/** The glibc release whose symbols it needs. */
function glibcOf(addon: string): string {
  const symbols = execFileSync('readelf', ['--dyn-syms', '--wide', addon], { encoding: 'utf8' });
  const minors = [...symbols.matchAll(/@GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  return `2.${Math.max(...minors)}`;
}

/** The shared libraries that it names. */
function librariesOf(addon: string): string[] {
  const dynamic = execFileSync('readelf', ['--dynamic', '--wide', addon], { encoding: 'utf8' });
  return [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name = '']) => name);
}
