import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { TidyCache } from '../../scripts/testing/tidy-cache.js';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spdk-nvme-tidy-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));
const { signal } = new AbortController();
const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);

const keyWith = async (flags: string) =>
  (await TidyCache.open(signal)).keyOf(
    { directory: folder, command: `c++ ${flags} -o a.o -c a.cc`, file: 'a.cc' },
    signal,
  );

it('a file that clang-tidy has seen is another one when anything that it reads is', async () => {
  write('a.cc', '#include "b.h"\n');
  write('b.h', '#include <climits>\n#include "c.h"\n');
  write('c.h', '');
  const seen = await keyWith('-O2');
  expect(await keyWith('-O2')).toBe(seen);
  expect(await keyWith('-O1')).not.toBe(seen);
  write('c.h', 'int c();\n');
  expect(await keyWith('-O2')).not.toBe(seen);
  write('c.h', '');
  expect(await keyWith('-O2')).toBe(seen);
});

it('a command of another form, or a file that is not there, is an error', async () => {
  await expect(
    (await TidyCache.open(signal)).keyOf({ directory: folder, command: 'c++ -c a.cc', file: 'a.cc' }, signal),
  ).rejects.toThrow('no compile command');
  write('a.cc', '#include "missing.h"\n');
  await expect(keyWith('')).rejects.toThrow('missing.h');
});
