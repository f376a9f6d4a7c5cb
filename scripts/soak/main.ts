// `npm run soak`: works with controllers at random on the fabric while the target is disturbed, and reports.
import { exitWith, launch } from '../stress/launch.js';
import { progressView } from '../stress/progress.js';
import { parseArguments } from './arguments.js';
import { complaints, type SoakReport } from './report.js';
import { renderReport } from './table.js';

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if ('status' in parsed) return parsed.status;
  const { minutes, pollers, controllers } = parsed.options;
  return launch<SoakReport>({
    name: 'soak',
    worker: new URL('worker.ts', import.meta.url),
    options: JSON.stringify(parsed.options),
    view: progressView({ seconds: minutes * 60, pollers, controllers, ioQueues: 0 }, process.stderr),
    json: parsed.json,
    render: renderReport,
    complaints,
  });
}

exitWith('soak', main());
