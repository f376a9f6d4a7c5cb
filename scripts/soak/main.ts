// `npm run soak`: uses controllers at random on the fabric while the target is disturbed, and reports.

import { progressView } from '../../cli/engine/terminal/progress.js';
import { exitWith, launch } from '../launch.js';
import { parseArguments } from './arguments.js';
import { soakDocument } from './document.js';
import { findings, type SoakReport } from './report.js';
import { runHere } from './run-here.js';
import { renderReport } from './table.js';

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if (parsed.status !== undefined) return parsed.status;
  const { minutes, workload } = parsed.options;
  return launch<SoakReport>({
    name: 'soak',
    worker: new URL('worker.ts', import.meta.url),
    args: [JSON.stringify(parsed.options)],
    view: progressView({ seconds: minutes * 60 }, process.stderr),
    files: parsed.files,
    render: renderReport,
    findings,
    document: soakDocument,
    ...(workload === 'multipath-tcp' ? { run: runHere } : {}),
  });
}

exitWith('soak', main());
