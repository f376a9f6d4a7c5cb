// The environments of files that share a process.

import { afterAll } from 'vitest';
import { Environment } from '../../../lib/index.js';

// SPDK keeps the memory that the first environment of a process reserves, and a later one may not ask for more: all files get as much as
// the one that needs most.
await (await Environment.init({ memoryMb: 192 })).close();

const { init } = Environment;
const opened: Environment[] = [];
Environment.init = async (options) => {
  const env = await init.call(Environment, options);
  opened.push(env);
  return env;
};

// After those of the file. A thread has one environment at a time: one that is left open would fail all files that follow.
afterAll(async () => {
  Environment.init = init;
  const left = opened.filter(({ closed }) => !closed);
  for (const env of left) await env.close();
  if (left.length > 0) throw new Error('This file has left its environment open');
});
