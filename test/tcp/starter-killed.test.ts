// A process that has started SPDK's target for a test and is killed leaves nothing of it on the machine.

import { once } from 'node:events';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { freeHugepages } from '../integration/support/proc.js';

const program = fileURLToPath(new URL('children/starts-target.mts', import.meta.url));
const tsx = import.meta.resolve('tsx');

it('the target ends with it, and its hugepages are free again', async () => {
  const starter = execa(process.execPath, ['--import', tsx, program], { reject: false });
  const [pid] = (await once(starter.stdout, 'data')).map(Number);
  expect(fs.existsSync(`/proc/${pid}`)).toBe(true);
  const inUse = freeHugepages();
  starter.kill('SIGKILL');
  await starter;
  await expect.poll(() => fs.existsSync(`/proc/${pid}`)).toBe(false);
  await expect.poll(freeHugepages).toBeGreaterThan(inUse + 64 / 2);
});
