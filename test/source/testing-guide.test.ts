// The test in the guide to targets in memory, run as its reader runs it.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { fences } from '../support/fences.js';

const root = path.resolve(import.meta.dirname, '../..');

it('passes', () => {
  const guide = fences().find(
    ({ place, code }) => place.includes('testing.md') && code.includes("from 'vitest'"),
  );
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-guide-'));
  try {
    fs.writeFileSync(path.join(folder, 'guide.test.ts'), guide?.code ?? '');
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    const alias = [
      { find: 'spdk-nvme/testing', replacement: path.join(root, 'lib/testing/index.ts') },
      { find: 'spdk-nvme', replacement: path.join(root, 'lib/index.ts') },
    ];
    fs.writeFileSync(
      path.join(folder, 'vitest.config.mjs'),
      `export default ${JSON.stringify({ root: folder, resolve: { alias } })};`,
    );
    const { stdout, status } = spawnSync(
      process.execPath,
      [
        path.join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--configLoader',
        'runner',
        '--reporter',
        'json',
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('"numPassedTests":3'),
    });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
