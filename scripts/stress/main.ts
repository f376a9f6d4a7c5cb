// `npm run stress`: the command line's `stress` on the fabric.
import { progressView } from '../../cli/engine/terminal/progress.js';
import { stressDocument } from '../../cli/report/stress.js';
import { findings, type StressReport } from '../../cli/workloads/stress-report.js';
import { renderReport } from '../../cli/workloads/stress-table.js';
import { exitWith, launch } from '../launch.js';
import { parseArguments } from './arguments.js';

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if (parsed.status !== undefined) return parsed.status;
  const { args, ...extent } = parsed.options;
  return launch<StressReport>({
    name: 'stress',
    worker: new URL('../../cli/main.ts', import.meta.url),
    args: ['stress', '--messages', ...args],
    view: progressView(extent, process.stderr),
    files: parsed.files,
    render: renderReport,
    findings,
    document: stressDocument,
  });
}

exitWith('stress', main());
