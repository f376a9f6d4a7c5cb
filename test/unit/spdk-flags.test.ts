import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import cache from '../../scripts/spdk-flags/cache.cjs';
import spdkFlags from '../../scripts/spdk-flags.cjs';

const { findSpdk } = spdkFlags;
const script = path.resolve(import.meta.dirname, '../../scripts/spdk-flags.cjs');
const NO_PKG_CONFIG = '/nonexistent/pkg-config';

let scratch: string;
let env: Record<string, string>;

beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-flags-'));
  env = { PKG_CONFIG: NO_PKG_CONFIG, SPDK_NVME_CACHE: path.join(scratch, 'cache') };
});

afterEach(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

function write(file: string, text = ''): string {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return file;
}

function versionHeader(major: number, minor: number, patch = 0, suffix = ''): string {
  return [
    `#define SPDK_VERSION_MAJOR\t${major}`,
    `#define SPDK_VERSION_MINOR\t${minor}`,
    `#define SPDK_VERSION_PATCH\t${patch}`,
    `#define SPDK_VERSION_SUFFIX\t"${suffix}"`,
  ].join('\n');
}

const SPDK_ARCHIVES = ['nvme', 'env_dpdk', 'sock', 'sock_posix', 'log', 'util', 'rdma', 'ut_mock'];
const DPDK_ARCHIVES = ['eal', 'mempool', 'mempool_ring', 'ring', 'bus_pci', 'hash'];

/** An installation with empty archives: everything the script looks at is names and one header. */
function installed(prefix: string, header = versionHeader(20, 7), ending = 'a'): string {
  write(path.join(prefix, 'include/spdk/version.h'), header);
  for (const name of SPDK_ARCHIVES) write(path.join(prefix, `lib/libspdk_${name}.${ending}`));
  for (const name of DPDK_ARCHIVES) write(path.join(prefix, `lib/librte_${name}.${ending}`));
  return prefix;
}

/** The words between two options of the linker. */
function between(words: string[], start: string, end: string): string[] {
  return words.slice(words.indexOf(start) + 1, words.indexOf(end)).map((word) => path.basename(word));
}

describe('a prefix', () => {
  test('keeps whole what registers itself and takes the rest on demand', () => {
    const prefix = installed(path.join(scratch, 'spdk'));
    const flags = findSpdk({ env: { ...env, SPDK_PREFIX: prefix } });

    expect(flags).toMatchObject({
      source: 'SPDK_PREFIX',
      where: prefix,
      version: '20.07',
      linkage: 'static',
    });
    expect(flags.cflags).toContain(`-isystem${prefix}/include`);
    const whole = between(flags.libraries, '-Wl,--whole-archive', '-Wl,--no-whole-archive');
    expect(whole.sort()).toEqual(
      [
        ...['libspdk_nvme.a', 'libspdk_env_dpdk.a', 'libspdk_sock.a', 'libspdk_sock_posix.a'],
        ...['librte_eal.a', 'librte_mempool.a', 'librte_mempool_ring.a', 'librte_ring.a', 'librte_bus_pci.a'],
      ].sort(),
    );
    const onDemand = between(flags.libraries, '-Wl,--start-group', '-Wl,--end-group');
    expect(onDemand.sort()).toEqual(['librte_hash.a', 'libspdk_log.a', 'libspdk_rdma.a', 'libspdk_util.a']);
    expect(flags.cflags).not.toContain('-DSPDK_NVME_SHARED_SPDK');
    expect(flags.libraries).toContain('-lrdmacm');
    expect(flags.libraries.indexOf('-libverbs')).toBeGreaterThan(flags.libraries.indexOf('-Wl,--end-group'));
  });

  test('takes helper libraries under whatever name a release gives them', () => {
    const prefix = installed(path.join(scratch, 'spdk'), versionHeader(24, 9));
    for (const name of ['rdma_provider', 'rdma_utils', 'keyring']) {
      write(path.join(prefix, `lib/libspdk_${name}.a`));
    }
    const { libraries, version } = findSpdk({ env: { ...env, SPDK_PREFIX: prefix } });
    expect(version).toBe('24.09');
    const onDemand = between(libraries, '-Wl,--start-group', '-Wl,--end-group');
    expect(onDemand).toEqual(
      expect.arrayContaining(['libspdk_rdma_provider.a', 'libspdk_rdma_utils.a', 'libspdk_keyring.a']),
    );
  });

  test('may be a build tree', () => {
    const tree = path.join(scratch, 'tree');
    write(path.join(tree, 'include/spdk/version.h'), versionHeader(23, 1, 1));
    for (const name of SPDK_ARCHIVES) write(path.join(tree, `build/lib/libspdk_${name}.a`));
    for (const name of DPDK_ARCHIVES) write(path.join(tree, `dpdk/build/lib/librte_${name}.a`));
    const isal = write(path.join(tree, 'isa-l/.libs/libisal.a'));

    const flags = findSpdk({ env: { ...env, SPDK_PREFIX: tree } });
    expect(flags.version).toBe('23.01.1');
    expect(flags.libraries).toContain(path.join(tree, 'dpdk/build/lib/librte_eal.a'));
    expect(flags.libraries).toContain(isal);
  });

  test('with shared libraries is linked and found again at run time', () => {
    const prefix = installed(path.join(scratch, 'spdk'), versionHeader(24, 9, 0, '-pre'), 'so');
    const flags = findSpdk({ env: { ...env, SPDK_PREFIX: prefix } });
    expect(flags).toMatchObject({ linkage: 'shared', version: '24.09-pre' });
    expect(flags.ldflags).toContain(`-Wl,-rpath,${prefix}/lib`);
    expect(flags.libraries[0]).toBe('-Wl,--no-as-needed');
    // Which the addon has to know: SPDK then calls none of its wrapped functions.
    expect(flags.cflags).toContain('-DSPDK_NVME_SHARED_SPDK');
    expect(flags.libraries).toContain(path.join(prefix, 'lib/librte_mempool_ring.so'));
    expect(flags.libraries).not.toContain('-Wl,--whole-archive');
    expect(flags.dpdkLinkage).toBe('shared');
    expect(flags.cflags).toEqual(
      expect.arrayContaining(['-DSPDK_NVME_SHARED_SPDK', '-DSPDK_NVME_SHARED_DPDK']),
    );
  });

  test('with archives and shared libraries is linked with the archives alone', () => {
    const prefix = installed(path.join(scratch, 'spdk'));
    installed(prefix, versionHeader(20, 7), 'so');
    const flags = findSpdk({ env: { ...env, SPDK_PREFIX: prefix } });
    expect(flags).toMatchObject({ linkage: 'static', dpdkLinkage: 'static' });
    expect(flags.libraries.filter((word) => word.endsWith('.so'))).toEqual([]);
    expect(flags.cflags.filter((flag) => flag.includes('SHARED'))).toEqual([]);
  });

  test.each(['libspdk_nvme.a', 'libspdk_env_dpdk.a'])(
    'with shared libraries, and archives without %s, is linked shared',
    (lost) => {
      const prefix = installed(path.join(scratch, 'spdk'));
      installed(prefix, versionHeader(20, 7), 'so');
      fs.rmSync(path.join(prefix, 'lib', lost));
      expect(findSpdk({ env: { ...env, SPDK_PREFIX: prefix } }).linkage).toBe('shared');
    },
  );

  test('with DPDK as shared libraries alone is linked with them and finds them again at run time', () => {
    const prefix = installed(path.join(scratch, 'spdk'));
    for (const name of DPDK_ARCHIVES) {
      fs.renameSync(path.join(prefix, `lib/librte_${name}.a`), path.join(prefix, `lib/librte_${name}.so`));
    }
    const flags = findSpdk({ env: { ...env, SPDK_PREFIX: prefix } });
    expect(flags).toMatchObject({ linkage: 'static', dpdkLinkage: 'shared' });
    expect(flags.cflags.filter((flag) => flag.includes('SHARED'))).toEqual(['-DSPDK_NVME_SHARED_DPDK']);
    expect(flags.ldflags).toContain(`-Wl,-rpath,${prefix}/lib`);
    const shared = between(flags.libraries, '-Wl,--no-as-needed', '-Wl,--as-needed');
    expect(shared).toContain('librte_mempool_ring.so');
    expect(shared).not.toContain('librte_hash.so');
  });

  test('with DPDK as archives and as shared libraries is linked with the archives alone', () => {
    const prefix = installed(path.join(scratch, 'spdk'));
    for (const name of DPDK_ARCHIVES) write(path.join(prefix, `lib/librte_${name}.so`));
    const flags = findSpdk({ env: { ...env, SPDK_PREFIX: prefix } });
    expect(flags.libraries.filter((word) => word.endsWith('.so'))).toEqual([]);
    expect(flags.ldflags.join(' ')).not.toContain('rpath');
  });

  test('wins over the cache, and nothing takes its place when it holds no SPDK', () => {
    const cached = installed(cache.cachedSpdk(env));
    const prefix = installed(path.join(scratch, 'spdk'), versionHeader(23, 1));
    expect(findSpdk({ env: { ...env, SPDK_PREFIX: prefix } }).version).toBe('23.01');
    expect(findSpdk({ env })).toMatchObject({ source: 'cache', where: cached });
    const empty = path.join(scratch, 'empty');
    expect(() => findSpdk({ env: { ...env, SPDK_PREFIX: empty } })).toThrow(`${empty} does not exist`);
  });
});

describe('pkg-config', () => {
  /** A pkg-config that knows one SPDK, and responds as the real one does for SPDK's own files. */
  function fakePkgConfig(prefix: string, systemLibraries: string): string {
    const libs = `-L${prefix}/lib -lspdk_nvme -lspdk_env_dpdk -lrte_eal ${systemLibraries}`;
    const lines = [
      '#!/bin/sh',
      'case "$*" in',
      '  *--exists*) exit 0 ;;',
      `  *--cflags*) echo "-I${prefix}/include" ;;`,
      `  *--static*--libs*spdk_syslibs*) echo "${libs}" ;;`,
      '  *) exit 1 ;;',
      'esac',
    ];
    const file = write(path.join(scratch, 'pkg-config'), `${lines.join('\n')}\n`);
    fs.chmodSync(file, 0o755);
    return file;
  }

  test('names the system libraries that this build of SPDK needs', () => {
    const prefix = installed(path.join(scratch, 'spdk'), versionHeader(23, 1));
    const isal = write(path.join(scratch, 'isa-l/libisal.a'));
    const program = fakePkgConfig(prefix, `${isal} -luuid -luuid -lfancy -pthread`);
    const flags = findSpdk({ env: { ...env, PKG_CONFIG: program } });

    expect(flags).toMatchObject({ source: 'pkg-config', version: '23.01', linkage: 'static' });
    expect(between(flags.libraries, '-Wl,--start-group', '-Wl,--end-group')).toContain('libisal.a');
    const system = flags.libraries.slice(flags.libraries.indexOf('-Wl,--as-needed') + 1);
    expect(system).toEqual(['-luuid', '-lfancy', '-pthread', '-libverbs', '-lrdmacm']);
  });
});

describe('a prefix whose pkg-config files name DPDK elsewhere', () => {
  test('is linked with that DPDK', () => {
    const prefix = installed(path.join(scratch, 'spdk'), versionHeader(23, 1));
    const dpdk = path.join(scratch, 'source/dpdk/build/lib');
    fs.mkdirSync(dpdk, { recursive: true });
    for (const name of DPDK_ARCHIVES) {
      fs.renameSync(path.join(prefix, `lib/librte_${name}.a`), path.join(dpdk, `librte_${name}.a`));
    }
    for (const [name, libs] of [
      ['spdk_nvme', `-L${prefix}/lib -lspdk_nvme`],
      ['spdk_env_dpdk', `-L${prefix}/lib -lspdk_env_dpdk -L${dpdk} -lrte_eal`],
    ]) {
      const lines = [`Name: ${name}`, 'Description: SPDK', 'Version: 1', `Libs: ${libs}`];
      write(path.join(prefix, `lib/pkgconfig/${name}.pc`), `${lines.join('\n')}\n`);
    }
    const { PATH = '' } = process.env;
    const flags = findSpdk({ env: { ...env, PATH, PKG_CONFIG: '', SPDK_PREFIX: prefix } });
    expect(flags.libraries).toContain(path.join(dpdk, 'librte_eal.a'));
  });
});

describe('a prefix of shared libraries whose pkg-config files also name archives of another SPDK', () => {
  test('is linked shared, with its own', () => {
    const prefix = installed(path.join(scratch, 'spdk'), versionHeader(26, 5), 'so');
    const other = installed(path.join(scratch, 'other'), versionHeader(24, 9));
    for (const name of ['spdk_nvme', 'spdk_env_dpdk']) {
      const libs = `-L${prefix}/lib -l${name} -L${other}/lib`;
      const lines = [`Name: ${name}`, 'Description: SPDK', 'Version: 1', `Libs: ${libs}`];
      write(path.join(prefix, `lib/pkgconfig/${name}.pc`), `${lines.join('\n')}\n`);
    }
    const { PATH = '' } = process.env;
    const flags = findSpdk({ env: { ...env, PATH, PKG_CONFIG: '', SPDK_PREFIX: prefix } });
    expect(flags).toMatchObject({ version: '26.05', linkage: 'shared', dpdkLinkage: 'shared' });
    expect(flags.libraries.filter((word) => word.startsWith(other))).toEqual([]);
  });
});

describe('nothing found', () => {
  test('the error names everything that was tried and what to set', () => {
    const find = () => findSpdk({ env });
    expect(find).toThrow('SPDK_PREFIX: not set');
    expect(find).toThrow(`${NO_PKG_CONFIG} cannot be run`);
    expect(find).toThrow(cache.cachedSpdk(env));
    expect(find).toThrow('Set SPDK_PREFIX to the prefix under which SPDK is installed');
  });

  test.each([
    ['no header', 'lib/libspdk_nvme.a', '', 'no spdk/version.h'],
    ['no archives', 'include/spdk/version.h', versionHeader(20, 7), 'no libspdk_nvme.a'],
    [
      'a release that is too old',
      'include/spdk/version.h',
      versionHeader(19, 10),
      '20.07 or later is needed',
    ],
    ['a header without a release', 'include/spdk/version.h', '', 'does not define an SPDK release'],
  ])('a prefix with %s', (_, file, text, message) => {
    const prefix = path.join(scratch, 'spdk');
    write(path.join(prefix, file), text);
    fs.mkdirSync(path.join(prefix, 'include'), { recursive: true });
    expect(() => findSpdk({ env: { ...env, SPDK_PREFIX: prefix } })).toThrow(message);
  });
});

describe('the command', () => {
  const run = (args: string[], environ: Record<string, string>) =>
    spawnSync(process.execPath, [script, ...args], { env: environ, encoding: 'utf8' });

  test('prints one field on one line, quoted for a shell', () => {
    const prefix = installed(path.join(scratch, 'with space'));
    const { stdout, status } = run(['cflags'], { ...env, SPDK_PREFIX: prefix });
    expect(status).toBe(0);
    expect(stdout.split('\n')).toHaveLength(2);
    expect(stdout).toContain(`'-isystem${prefix}/include'`);
  });

  test('prints everything as JSON', () => {
    const prefix = installed(path.join(scratch, 'spdk'));
    const { stdout } = run(['--json'], { ...env, SPDK_PREFIX: prefix });
    expect(JSON.parse(stdout)).toMatchObject({
      version: '20.07',
      includeDirs: [path.join(prefix, 'include')],
    });
  });

  test('fails with one message when there is no SPDK, and with its usage for anything else', () => {
    const lost = run(['libraries'], env);
    expect(lost.status).toBe(1);
    expect(lost.stdout).toBe('');
    expect(lost.stderr).toMatch(/^SPDK was not found/);
    expect(run(['colour'], env)).toMatchObject({ status: 2, stdout: '' });
  });
});
