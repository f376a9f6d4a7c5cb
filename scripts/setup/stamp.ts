// What a step was last made from, so that it is not repeated for nothing.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { buildFolder, root } from './paths.js';

/** A fingerprint of files and folders (by content; those in the checkout are the same in another one) and of facts that are not files. */
export function fingerprint(paths: readonly string[], facts: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(facts));
  for (const file of paths.flatMap((name) => filesUnder(path.resolve(root, name)))) {
    hash.update(inCheckout(file)).update('\0').update(fs.readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function inCheckout(file: string): string {
  return file.startsWith(root + path.sep) ? path.relative(root, file) : file;
}

function filesUnder(name: string): string[] {
  if (!fs.existsSync(name)) return [];
  if (fs.statSync(name).isFile()) return [name];
  const entries = fs.readdirSync(name, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

const stampFile = (name: string) => path.join(buildFolder, `${name}.stamp`);

export function readStamp(name: string): string | undefined {
  try {
    return fs.readFileSync(stampFile(name), 'utf8');
  } catch {
    return undefined;
  }
}

export function writeStamp(name: string, value: string): void {
  fs.mkdirSync(buildFolder, { recursive: true });
  fs.writeFileSync(stampFile(name), value);
}

export function clearStamp(name: string): void {
  fs.rmSync(stampFile(name), { force: true });
}
