// `npm run stress`: attaches and detaches controllers in loops on the fabric, and reports.
import { parseArguments } from './arguments.js';
import { exitWith, launch } from './launch.js';
import { progressView } from './progress.js';
import { complaints, type StressReport } from './report.js';
import { renderReport } from './table.js';

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if ('status' in parsed) return parsed.status;
  return launch<StressReport>({
    name: 'stress',
    worker: new URL('worker.ts', import.meta.url),
    options: JSON.stringify(parsed.options),
    view: progressView(parsed.options, process.stderr),
    json: parsed.json,
    render: renderReport,
    complaints,
  });
}

exitWith('stress', main());
