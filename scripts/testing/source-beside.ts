import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { root } from '../setup/paths.js';
import type { Beside } from './session.js';

const program = fileURLToPath(new URL('source-process.ts', import.meta.url));
/**
 * With the processor time that the other parts leave, and on the processor on which the tests' targets spin. On another one they would
 * still slow the tests down: a processor that is busy, if only with these, takes over no thread that waits behind a target.
 */
const behindTheOthers = ['--idle', '0', 'taskset', '--cpu-list', String(os.availableParallelism() - 1)];

/**
 * The checks of the source beside the other parts, which wait most of the time: in a process of its own, since its priority and
 * processor are those of all that it starts.
 */
export async function runSourceChecksBeside(folder: string, signal: AbortSignal): Promise<Beside> {
  const file = path.join(folder, 'source.json');
  const command = [process.execPath, '--import', import.meta.resolve('tsx'), program, file];
  const { all } = await execa('chrt', [...behindTheOthers, ...command], {
    cwd: root,
    all: true,
    stdin: 'ignore',
    reject: false,
    cancelSignal: signal,
  });
  if (!fs.existsSync(file)) throw new Error(`the process ended without a result:\n${all}`);
  return { counts: JSON.parse(fs.readFileSync(file, 'utf8')), output: all };
}
