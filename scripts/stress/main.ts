// `npm run stress`: attaches and detaches controllers in loops on the fabric, and reports.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FabricError } from '../fabric/errors.js';
import { runInFabric } from '../fabric/run.js';
import { parseArguments } from './arguments.js';
import { LineReader } from './lines.js';
import { type ProgressView, progressView } from './progress.js';
import { decodeMessage, type Message } from './protocol.js';
import { complaints, type StressReport } from './report.js';
import { renderReport } from './table.js';

/**
 * Once it runs, the worker tells its progress several times a second while it loops, and warms up and counts for some
 * 10 s before and after. The fabric's own start has limits of its own.
 */
const SILENCE_MS = 120_000;

/** SIGHUP, SIGINT and SIGTERM, as shells number them. */
const STOP_STATUSES = [129, 130, 143];

interface WorkerOutcome {
  readonly status: number;
  /** Loops that the worker told of. */
  readonly loops: number;
  readonly report: StressReport | undefined;
}

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if ('status' in parsed) return parsed.status;
  const view = progressView(parsed.options, process.stderr);
  const { status, loops, report } = await runWorker(JSON.stringify(parsed.options), view).finally(() =>
    view.end(),
  );
  if (!report) {
    const stopped = STOP_STATUSES.includes(status);
    const how = stopped ? 'was stopped' : `ended with status ${status}`;
    process.stderr.write(`stress: the run ${how} after ${loops} loops, without a report\n`);
    return stopped ? status : 1;
  }
  process.stdout.write(renderReport(report));
  if (parsed.json !== undefined) writeFileSync(parsed.json, `${JSON.stringify(report, null, 2)}\n`);
  const expected = complaints(report).length === 0 ? 0 : 1;
  if (!report.interrupted && status !== expected) {
    process.stderr.write(`stress: the run ended with status ${status} after its report\n`);
    return 1;
  }
  return status;
}

async function runWorker(options: string, view: ProgressView): Promise<WorkerOutcome> {
  let loops = 0;
  let report: StressReport | undefined;
  const silence = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      view.write(`stress: hung: the run has said nothing for ${SILENCE_MS / 1000} s\n`);
      silence.abort();
    }, SILENCE_MS);
  };
  const handle = (message: Message) => {
    if (message.type === 'progress') {
      loops = message.loops;
      view.update(message);
    } else if (message.type === 'note') view.write(`${message.text}\n`);
    else report = message.report;
  };
  const stdout = new LineReader((line) => {
    listen();
    const message = decodeMessage(line);
    if (message) handle(message);
    else view.write(`${line}\n`);
  });
  const stderr = new LineReader((line) => view.write(`${line}\n`));
  // tsx as a loader and not as a command: one process, which gets the signals itself.
  const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
  const command = [process.execPath, '--expose-gc', '--import', import.meta.resolve('tsx'), worker, options];
  try {
    const status = await runInFabric(command, {
      stdout,
      stderr,
      // Of its arenas, glibc gives one to each new thread, and keeps what was freed in all of them: resident memory
      // would grow for hundreds of loops without a leak. With one arena it does not.
      env: { MALLOC_ARENA_MAX: '1' },
      signal: silence.signal,
      report: (line) => view.write(`fabric: ${line}\n`),
    });
    stdout.flush();
    stderr.flush();
    // The fabric tells of our own abort as of a signal; for whoever ran us it is a failure.
    return { status: silence.signal.aborted ? 1 : status, loops, report };
  } finally {
    clearTimeout(timer);
  }
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`stress: ${error instanceof FabricError ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
