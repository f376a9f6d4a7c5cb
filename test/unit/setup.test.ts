import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from '../../scripts/setup/lock.js';
import { removeMovedBuild } from '../../scripts/setup/moved-build.js';
import { patchesDefine } from '../../scripts/setup/spdk-build.js';
import { parseSources, patchSource } from '../../scripts/setup/spdk-source.js';
import { fingerprint } from '../../scripts/setup/stamp.js';
import spdkCache from '../../scripts/spdk-flags/cache.cjs';
import { judged, NOTHING, summary } from '../../scripts/testing/counts.js';
import { readJunit } from '../../scripts/testing/native.js';
import { readReport } from '../../scripts/testing/vitest.js';

let scratch: string;

beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'setup-test-'));
});

afterEach(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

function write(name: string, text: string): string {
  const file = path.join(scratch, name);
  fs.writeFileSync(file, text);
  return file;
}

describe('Debian’s source index', () => {
  const sum = 'a'.repeat(64);
  const paragraph = [
    'Package: ceph',
    'Version: 18.2.7+ds-1',
    'Checksums-Sha256:',
    ` ${'b'.repeat(64)} 7800 ceph_18.2.7+ds-1.dsc`,
    ` ${sum} 148306992 ceph_18.2.7+ds.orig.tar.xz`,
    ` ${'c'.repeat(64)} 120000 ceph_18.2.7+ds-1.debian.tar.xz`,
    'Directory: pool/main/c/ceph',
  ].join('\n');

  test('gives the original archive with its checksum', () => {
    expect(parseSources(`${paragraph}\n\n`)).toEqual([
      {
        version: '18.2.7+ds-1',
        path: 'pool/main/c/ceph/ceph_18.2.7+ds.orig.tar.xz',
        size: 148306992,
        sha256: sum,
      },
    ]);
  });

  test('leaves out what has no checksum', () => {
    const bare = paragraph.replace(/^ .*\n/gm, '');
    expect(parseSources(`${bare}\n\n${paragraph}`)).toHaveLength(1);
    expect(parseSources('')).toEqual([]);
  });
});

describe('the recipe’s patches', () => {
  const before = 'one\ntwo\nthree\n';
  const patch = '--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n';
  const reporter = { report() {}, progress() {} };

  test('make another cache key when their text changes, wherever the recipe lies', () => {
    const recipeIn = (name: string, text: string) => {
      fs.mkdirSync(path.join(scratch, name, 'spdk-patches'), { recursive: true });
      write(`${name}/spdk-recipe.json`, JSON.stringify({ release: '20.07', patches: ['fix'] }));
      write(`${name}/spdk-patches/fix.patch`, text);
      return spdkCache.readRecipe(path.join(scratch, name));
    };
    const one = recipeIn('one', patch);
    expect(one.patches).toMatchObject([
      { name: 'fix', file: path.join(scratch, 'one/spdk-patches/fix.patch') },
    ]);
    expect(recipeIn('two', patch).key).toBe(one.key);
    expect(recipeIn('three', `${patch}\n`).key).not.toBe(one.key);
  });

  test('are those of the recipe, and all of them are shipped', () => {
    const { patches } = spdkCache.readRecipe();
    expect(patches.map(({ name }: { name: string }) => name)).toEqual([
      'tcp-connect-in-capsule',
      'discovery-host-identity',
      'namespaces-in-ordinary-memory',
      'target-connect-without-admin-queue',
      'target-pending-events',
      'rdma-admin-data-outside-capsule',
      'tables-of-memory-maps',
    ]);
    const shipped = JSON.parse(fs.readFileSync('package.json', 'utf8')).files;
    expect(shipped).toContain('scripts/spdk-patches');
    expect(patchesDefine('SPDK_NVME_PATCHES', patches)).toBe(
      `#define SPDK_NVME_PATCHES "${patches.map(({ name }: { name: string }) => name).join(' ')}"\n`,
    );
  });

  test('are applied to a tree that they fit, and stop the set-up where they do not', async () => {
    const file = write('fix.patch', patch);
    const patches = [{ name: 'fix', file, sha256: '' }];
    const tree = path.join(scratch, 'tree');
    fs.mkdirSync(tree);
    write('tree/file', before);
    await patchSource(tree, patches, reporter);
    expect(fs.readFileSync(path.join(tree, 'file'), 'utf8')).toBe('one\n2\nthree\n');
    await expect(patchSource(tree, patches, reporter)).rejects.toThrow(/patch/);
    write('tree/file', 'one\nsomething else\nthree\n');
    await expect(patchSource(tree, patches, reporter)).rejects.toThrow(/patch/);
  });
});

describe('the lock', () => {
  test('lets one set-up work at a time; the other one says that it waits', async () => {
    const order: string[] = [];
    let waited = false;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = withLock(
      [scratch],
      async () => {
        entered();
        await held;
        order.push('first');
      },
      () => {},
    );
    await inside;
    const second = withLock(
      [scratch],
      async () => {
        order.push('second');
      },
      () => {
        waited = true;
        release();
      },
    );
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
    expect(waited).toBe(true);
  });

  test('ends with work that fails', async () => {
    const work = withLock(
      [scratch],
      () => Promise.reject(new Error('no')),
      () => {},
    );
    await expect(work).rejects.toThrow('no');
    await withLock(
      [scratch],
      async () => {},
      () => {},
    );
  });
});

test('a fingerprint follows content, names and facts', () => {
  const one = fingerprint(['package.json'], { release: '20.07' });
  expect(fingerprint(['package.json'], { release: '20.07' })).toBe(one);
  expect(fingerprint(['package.json'], { release: '23.01' })).not.toBe(one);
  expect(fingerprint(['tsconfig.json'], { release: '20.07' })).not.toBe(one);
});

describe('counting tests', () => {
  test('CTest’s totals', () => {
    const file = write(
      'ctest.xml',
      `<testsuite name="x" tests="9" failures="2" disabled="1" skipped="1" time="1">
         <testcase name="one" classname="one" time="0" status="run"/>
         <testcase name="two" classname="two" time="0" status="fail"><failure message=""/></testcase>
         <testcase name="three" classname="three" time="0" status="fail"><failure message=""/></testcase>`,
    );
    expect(readJunit(file)).toEqual({ passed: 5, failures: ['two', 'three'], skipped: 2 });
    expect(readJunit(path.join(scratch, 'none'))).toEqual(NOTHING);
  });

  test('vitest’s totals, a file that could not be loaded and one with a failed hook among them', () => {
    const result = (status: string, title: string) => ({ ancestorTitles: ['group'], title, status });
    const suite = (file: string, ...assertionResults: object[]) => ({
      name: path.resolve('test/unit', file),
      status: 'failed',
      assertionResults,
    });
    const testResults = [
      suite('unloaded.test.ts'),
      suite('hook.test.ts', result('skipped', 'one')),
      suite('some.test.ts', result('passed', 'one'), result('failed', 'two')),
      { ...suite('good.test.ts', result('passed', 'one')), status: 'passed' },
    ];
    const totals = { numPassedTests: 3, numPendingTests: 1, numTodoTests: 1 };
    const file = write('vitest.json', JSON.stringify({ ...totals, testResults }));
    expect(readReport(file)).toEqual({
      passed: 3,
      failures: [
        'test/unit/unloaded.test.ts > the file, or a hook of it',
        'test/unit/hook.test.ts > the file, or a hook of it',
        'test/unit/some.test.ts > group > two',
      ],
      skipped: 2,
    });
  });

  test('a runner that ends badly without a failed test has failed once', () => {
    const counts = { ...NOTHING, passed: 4 };
    expect(judged(counts, 1).failures).toEqual(['the runner ended with status 1 and named no failed test']);
    expect(judged(counts, 0)).toEqual(counts);
    expect(summary(judged(counts, 1))).toBe('4 passed, 1 failed');
  });
});

describe('a build of CMake', () => {
  const configure = (checkout: string) => {
    const [source, build] = [path.join(checkout, 'native'), path.join(checkout, 'build')];
    fs.mkdirSync(source, { recursive: true });
    fs.writeFileSync(
      path.join(source, 'CMakeLists.txt'),
      'cmake_minimum_required(VERSION 3.15)\nproject(none NONE)\n',
    );
    removeMovedBuild(build, source);
    return spawnSync('cmake', ['-S', source, '-B', build], { encoding: 'utf8' });
  };

  test('is kept where it was made, and made anew when its checkout was moved', () => {
    const [first, second] = [path.join(scratch, 'first'), path.join(scratch, 'second')];
    expect(configure(first)).toMatchObject({ status: 0, stderr: '' });
    fs.writeFileSync(path.join(first, 'build/made'), '');
    expect(configure(first)).toMatchObject({ status: 0, stderr: '' });
    expect(fs.existsSync(path.join(first, 'build/made'))).toBe(true);
    fs.renameSync(first, second);
    expect(configure(second)).toMatchObject({ status: 0, stderr: '' });
    expect(fs.existsSync(path.join(second, 'build/made'))).toBe(false);
  });
});
