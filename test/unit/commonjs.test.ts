import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

beforeAll(() => {
  if (!existsSync(path.join(root, 'dist/index.js')))
    throw new Error('dist/ is not built; run: npm run build');
});

/** Runs a script of CommonJS in Node itself, which finds this package by its name, as its users do. */
function run(script: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', '-e', script], {
    cwd: root,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

it('require() gives the same classes and functions as import', () => {
  const { status, stdout, stderr } = run(`
    const required = require('spdk-nvme');
    import('spdk-nvme').then((imported) => {
      const names = Object.keys(imported).sort();
      const differing = names.filter((name) => imported[name] !== required[name]);
      console.log(JSON.stringify({ names, differing, missing: Object.keys(required).filter((k) => !(k in imported)) }));
    });`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { names, differing, missing } = JSON.parse(stdout);
  expect({ differing, missing }).toEqual({ differing: [], missing: [] });
  expect(names).toEqual(
    expect.arrayContaining(['Controller', 'Environment', 'SpdkError', 'parseTransportId']),
  );
});

it('what is required works: errors of one kind, codes and all', () => {
  const { status, stdout, stderr } = run(`
    const { SpdkError, parseTransportId, errorCatalogue } = require('spdk-nvme');
    try {
      parseTransportId('trtype:RDMA');
    } catch (error) {
      console.log(error instanceof SpdkError, error.code, error.code in errorCatalogue);
    }`);
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: 'true ERR_SPDK_INVALID_TRANSPORT_ID true\n',
    stderr: '',
  });
});

it('classes have the names that they are exported by, in stacks and in what is printed', () => {
  const { status, stdout, stderr } = run(`
    const modules = ['spdk-nvme', 'spdk-nvme/file', 'spdk-nvme/testing'].flatMap((name) => Object.entries(require(name)));
    const functions = modules.filter(([, value]) => typeof value === 'function');
    console.log(JSON.stringify(functions.filter(([name, value]) => value.name !== name).map(([, value]) => value.name)));
    console.log(functions.length > 20);`);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '[]\ntrue\n', stderr: '' });
});
