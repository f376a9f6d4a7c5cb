import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { root } from '../setup/paths.js';
import type { Beside } from './session.js';

const program = fileURLToPath(new URL('source-process.ts', import.meta.url));

/**
 * The checks of the source with the processor time that the other parts leave, which wait most of the time: in a process
 * of its own, since its priority is that of all that it starts.
 */
export async function runSourceChecksBeside(folder: string, signal: AbortSignal): Promise<Beside> {
  const file = path.join(folder, 'source.json');
  const command = [process.execPath, '--import', import.meta.resolve('tsx'), program, file];
  const { all } = await execa('chrt', ['--idle', '0', ...command], {
    cwd: root,
    all: true,
    stdin: 'ignore',
    reject: false,
    cancelSignal: signal,
  });
  if (!fs.existsSync(file)) throw new Error(`the process ended without a result:\n${all}`);
  return { counts: JSON.parse(fs.readFileSync(file, 'utf8')), output: all };
}
