// Workers that are terminated while native code is at work for them: in a call of theirs, or with something to tell.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { ensureHugepages } from '../../scripts/target/hugepages.js';

const limitMs = 50_000;

beforeAll(() => ensureHugepages(256));

it.each([
  { at: 'calls that throw', program: 'refused-calls.mjs' },
  { at: 'attaches, statistics and log lines', program: 'refused-attaches.mjs' },
])('forty of them, at $at: the process goes on', ({ program }) => {
  const terminate = fileURLToPath(new URL('children/terminate.mjs', import.meta.url));
  // In a process of its own: what went wrong here took the whole process with it, or never ended.
  const { status, signal, stderr } = spawnSync(process.execPath, [terminate, program, '40'], {
    encoding: 'utf8',
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
});
