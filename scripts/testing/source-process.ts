// The checks of the source in a process of their own: `source-process.ts FILE` writes there what passed and what failed.
import fs from 'node:fs';
import { runSourceChecks } from './source.js';

const [, , file = ''] = process.argv;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
fs.writeFileSync(file, JSON.stringify(await runSourceChecks('', stop.signal)));
