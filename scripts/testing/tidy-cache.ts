// Which files clang-tidy has found nothing in, so that it need not look at them again: it takes half an hour of a core for all of them.

import fs from 'node:fs';
import path from 'node:path';
import { cacheRoot, root } from '../setup/paths.js';
import { fingerprint } from '../setup/stamp.js';
import { command } from './checks.js';

/** An entry of compile_commands.json. */
export interface CompileCommand {
  readonly directory: string;
  readonly command: string;
  readonly file: string;
}

const folder = path.join(cacheRoot, 'clang-tidy');
const keptMs = 30 * 24 * 3600 * 1000;

/** Files without warnings, each known by all that clang-tidy reads for it. */
export class TidyCache {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  static async open(signal: AbortSignal): Promise<TidyCache> {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of fs.readdirSync(folder)) {
      const file = path.join(folder, name);
      if (Date.now() - fs.statSync(file).mtimeMs > keptMs) fs.rmSync(file);
    }
    const version = await command('clang-tidy', ['--version'], signal);
    return new TidyCache(version + fs.readFileSync(path.join(root, '.clang-tidy'), 'utf8'));
  }

  /** The name of what clang-tidy reads: the same in another checkout, another one if any header differs. */
  async keyOf({ directory, command: compile, file }: CompileCommand, signal: AbortSignal): Promise<string> {
    // The compiler lists all files that it includes, the system's too.
    const list = compile.replace(/ -o \S+ -c (\S+)$/, ' -M $1');
    if (list === compile) throw new Error(`no compile command as expected: ${compile}`);
    const rule = await command('sh', ['-c', list], signal, { cwd: directory });
    const files = rule
      .replace(/^[^:]*:/, '')
      .split(/[\s\\]+/)
      .filter(Boolean);
    const facts = [this.#program, compile, file].map((text) => text.replaceAll(root, '.'));
    return fingerprint(
      files.map((one) => path.resolve(directory, one)),
      facts,
    );
  }

  /** Whether a file with this key had no findings. */
  has(key: string): boolean {
    const file = path.join(folder, key);
    if (!fs.existsSync(file)) return false;
    const now = new Date();
    fs.utimesSync(file, now, now);
    return true;
  }

  add(key: string): void {
    fs.writeFileSync(path.join(folder, key), '');
  }
}
