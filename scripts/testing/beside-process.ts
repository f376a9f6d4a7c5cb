// A part of `npm test` in a process of its own: `beside-process.ts PART FOLDER FILE` writes to the file what passed and what failed.
import fs from 'node:fs';
import { runSourceChecks } from './source.js';
import { runTarballChecks } from './tarball.js';

const parts = { source: runSourceChecks, package: runTarballChecks } as const;
export type PartBeside = keyof typeof parts;

const [, , name, folder = '', file = ''] = process.argv;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
fs.writeFileSync(file, JSON.stringify(await parts[name as PartBeside](folder, stop.signal)));
