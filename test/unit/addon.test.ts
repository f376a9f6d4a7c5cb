import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { advisories, Environment, SpdkError, spdkVersion } from '../../lib/index.js';
import spdkFlags from '../../scripts/spdk-flags.cjs';
import { caught, thrownBy } from './coded.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = { dist: path.join(root, 'dist'), addon: path.join(root, 'build/Release/spdk_nvme.node') };
const require = createRequire(import.meta.url);

beforeAll(() => {
  for (const file of Object.values(built)) {
    if (!existsSync(file)) throw new Error(`${file} is not built; run: npm run setup`);
  }
});

describe('an installation', () => {
  type Package = typeof import('../../lib/index.js');

  let folder: string;
  let addon: string;
  let installed: () => Package;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'spdk-nvme-addon-'));
    addon = path.join(folder, 'build/Release/spdk_nvme.node');
    cpSync(built.dist, path.join(folder, 'dist'), { recursive: true });
    copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
    mkdirSync(path.dirname(addon), { recursive: true });
    installed = () => require(path.join(folder, 'dist/index.js'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What the first use says, in each of the ways to use the package. */
  async function firstUses({ spdkVersion, advisories, Environment }: Package): Promise<SpdkError[]> {
    const init = Environment.init().then(
      () => new Error('did not throw'),
      (error) => error,
    );
    return [codedError(spdkVersion), codedError(advisories), await init];
  }

  // The copy has error classes of its own, so they are recognised by their code.
  const codedError = (call: () => unknown) => caught(call) as SpdkError;

  it('without its addon is imported all the same, and says at its first use how to build it', async () => {
    const copy = installed();
    expect(copy.parseTransportId('trtype:RDMA traddr:10.0.0.1').trsvcid).toBe('4420');
    for (const error of await firstUses(copy)) {
      expect(error.code).toBe('ERR_SPDK_ADDON_MISSING');
      expect(error.message).toContain(addon);
      expect(error.message).toContain('npx spdk-nvme build');
      expect(error.message).toContain('npm run setup');
    }
  });

  it.each([
    { name: 'that is no addon', make: () => writeFileSync(addon, 'not ELF') },
    { name: 'that is empty', make: () => writeFileSync(addon, '') },
    { name: 'that is a folder', make: () => mkdirSync(addon) },
  ])('with a file $name says why and how to build it again', async ({ make }) => {
    make();
    for (const error of await firstUses(installed())) {
      expect(error.code).toBe('ERR_SPDK_ADDON_BROKEN');
      expect(error.message).toContain(addon);
      expect(error.message).toContain('npx spdk-nvme build');
      expect(error.cause).toBeInstanceOf(Error);
      expect(error.message).toContain((error.cause as Error).message);
    }
  });

  it('whose Node.js may load no addons names the option, and does not advise to build', () => {
    copyFileSync(built.addon, addon);
    const program = `import('${folder}/dist/index.js').then(({ spdkVersion }) => spdkVersion()).catch((error) => {
      console.log(JSON.stringify({ code: error.code, message: error.message }));
    })`;
    const { stdout } = spawnSync(process.execPath, ['--no-addons', '-e', program], { encoding: 'utf8' });
    const { code, message } = JSON.parse(stdout);
    expect(code).toBe('ERR_SPDK_ADDON_BROKEN');
    expect(message).toContain('--allow-addons');
    expect(message).not.toContain('build`');
  });

  it.each(['esm', 'cjs'] as const)(
    'that is bundled into a program (%s) says how to bundle',
    async (format) => {
      const bundle = path.join(folder, `bundle/program.${format === 'esm' ? 'mjs' : 'cjs'}`);
      const contents = `import { Environment } from ${JSON.stringify(path.join(folder, 'dist/index.js'))};
      Environment.init().catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;
      const stdin = { contents, resolveDir: folder };
      await build({ stdin, bundle: true, platform: 'node', format, outfile: bundle, logLevel: 'error' });
      // As where the bundle runs: nothing is installed beside it.
      rmSync(path.join(folder, 'package.json'));
      const { stdout, stderr } = spawnSync(process.execPath, [bundle], { encoding: 'utf8' });
      expect(stderr).toBe('');
      const { code, message } = JSON.parse(stdout);
      expect(code).toBe('ERR_SPDK_ADDON_MISSING');
      expect(message).toContain('--external:spdk-nvme');
    },
  );

  describe('with the binary package', () => {
    const version = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;

    function installPrebuilt(manifest: object): string {
      const inside = path.join(folder, `node_modules/@spdk-nvme/${process.platform}-${process.arch}`);
      mkdirSync(inside, { recursive: true });
      copyFileSync(built.addon, path.join(inside, 'spdk_nvme.node'));
      writeFileSync(
        path.join(inside, 'package.json'),
        JSON.stringify({ version, glibc: '2.17', ...manifest }),
      );
      return path.join(inside, 'spdk_nvme.node');
    }

    it('needs no addon of its own', () => {
      const prebuilt = installPrebuilt({});
      expect(installed().spdkVersion()).toMatchObject({ file: prebuilt, text: spdkVersion().text });
    });

    it('prefers the addon that was built on the machine', () => {
      installPrebuilt({});
      copyFileSync(built.addon, addon);
      expect(installed().spdkVersion().file).toBe(addon);
    });

    it.each([
      [{ version: '0.0.9' }, `0.0.9 is for another version of this package, which is ${version}`],
      [{ glibc: '2.999' }, 'needs glibc 2.999, and this system has 2.'],
      [{ glibc: '3.0' }, 'needs glibc 3.0, and this system has 2.'],
    ])('does not take one that does not fit (%j)', (manifest, reason) => {
      installPrebuilt(manifest);
      const error = codedError(installed().spdkVersion);
      expect(error.code).toBe('ERR_SPDK_ADDON_MISSING');
      expect(error.message).toContain(reason);
      expect(error.message).toContain('npx spdk-nvme build');
    });
  });

  it('works as soon as its addon is there', async () => {
    const copy = installed();
    expect(codedError(copy.spdkVersion).code).toBe('ERR_SPDK_ADDON_MISSING');
    copyFileSync(built.addon, addon);
    expect(copy.spdkVersion().major).toBeGreaterThan(0);
  });
});

describe('the addon', () => {
  it('knows the SPDK release that it was built with', () => {
    const { major, minor, patch, text } = spdkVersion();
    expect(text).toMatch(/^SPDK v\d\d\.\d\d/);
    expect(text).toContain(`v${major}.${String(minor).padStart(2, '0')}`);
    expect(patch).toBeGreaterThanOrEqual(0);
    const { source, linkage, dpdkLinkage } = spdkFlags.findSpdk();
    expect(spdkVersion()).toMatchObject({ linkage, dpdkLinkage });
    if (source === 'cache')
      expect(spdkVersion().patches).toEqual([
        'tcp-connect-in-capsule',
        'discovery-host-identity',
        'namespaces-in-ordinary-memory',
        'target-connect-without-admin-queue',
        'target-pending-events',
        'rdma-admin-data-outside-capsule',
        'tables-of-memory-maps',
      ]);
    expect(advisories({ all: true }).length).toBeGreaterThanOrEqual(advisories().length);
    for (const bad of [null, { al: true }, { all: 1 }]) {
      expect(thrownBy(() => advisories(bad as object)).code).toMatch(
        /^ERR_SPDK_(INVALID_ARG_TYPE|UNKNOWN_OPTION)$/,
      );
    }
  });

  it('is loaded by a process that does nothing else, which then ends', () => {
    const script = `import { spdkVersion } from 'spdk-nvme'; console.log(spdkVersion().text)`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${spdkVersion().text}\n`, stderr: '' });
  });

  it('is loaded by several workers at once, and by one after another', async () => {
    const script = `
      const { spdkVersion } = require('spdk-nvme');
      require('node:worker_threads').parentPort.postMessage(spdkVersion().text);`;
    const once = () =>
      new Promise((resolve, reject) => {
        const reported: unknown[] = [];
        const worker = new Worker(script, { eval: true, execArgv: ['--no-warnings'] });
        worker.on('message', (text) => reported.push(text));
        worker.on('error', reject);
        worker.on('exit', (code) => resolve([code, ...reported]));
      });
    const expected = [0, spdkVersion().text];
    expect(await Promise.all([once(), once(), once()])).toEqual([expected, expected, expected]);
    expect(await once()).toEqual(expected);
  });
});

describe('Environment.init without enough hugepages', () => {
  it('fails at once, says how many there are and how to get more, and can be tried again', async () => {
    for (let attempt = 0; attempt < 2; attempt++) {
      const begun = performance.now();
      const error = await Environment.init({ memoryMb: 1_048_576 }).catch((reason) => reason);
      expect(performance.now() - begun).toBeLessThan(3_000);
      expect(error).toBeInstanceOf(SpdkError);
      expect(error.code).toBe('ERR_SPDK_NO_HUGEPAGES');
      expect(error.message).toMatch(/only \d+ MiB/);
      expect(error.message).toContain('nr_hugepages');
    }
  });
});
