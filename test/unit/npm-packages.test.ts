// Whether set-up has to install the npm packages.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packagesUpToDate } from '../../scripts/npm-packages.mjs';

let root: string;

const write = (name: string, value: object) => {
  const file = path.join(root, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, JSON.stringify(value));
};
const locked = (file: string, packages: object) => write(file, { packages });
const one = { 'node_modules/@scope/one': { integrity: 'sha512-1' } };

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-packages-'));
  locked('package-lock.json', { '': { name: 'checkout' }, ...one });
  locked('node_modules/.package-lock.json', one);
  write('node_modules/@scope/one/package.json', {});
});
afterEach(() => fs.rmSync(root, { recursive: true }));

describe('npm packages', () => {
  it('are up to date when all are there as locked', () => {
    expect(packagesUpToDate(root)).toBe(true);
  });

  it('are not when one has another version', () => {
    locked('node_modules/.package-lock.json', { 'node_modules/@scope/one': { integrity: 'sha512-2' } });
    expect(packagesUpToDate(root)).toBe(false);
  });

  it('are not when the folder of one is gone, although npm has noted it', () => {
    fs.rmSync(path.join(root, 'node_modules/@scope'), { recursive: true });
    expect(packagesUpToDate(root)).toBe(false);
  });

  it('are when one is not for this machine', () => {
    locked('package-lock.json', {
      ...one,
      'node_modules/other': { integrity: 'sha512-3', optional: true },
    });
    expect(packagesUpToDate(root)).toBe(true);
    locked('package-lock.json', { ...one, 'node_modules/other': { integrity: 'sha512-3' } });
    expect(packagesUpToDate(root)).toBe(false);
  });

  it('are not before npm has installed any', () => {
    fs.rmSync(path.join(root, 'node_modules'), { recursive: true });
    expect(packagesUpToDate(root)).toBe(false);
  });
});
