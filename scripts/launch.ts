// Starts a run on the fabric, and shows what it reports.

import { fileURLToPath } from 'node:url';
import { LineReader } from '../cli/engine/process/lines.js';
import { decodeMessage, type Message } from '../cli/engine/process/messages.js';
import type { ProgressView } from '../cli/engine/terminal/progress.js';
import type { ReportDocument } from '../cli/report/document.js';
import { writeReports } from '../cli/report/option.js';
import type { ReportFiles } from './arguments.js';
import { FabricError } from './fabric/errors.js';
import { type FabricRunOptions, runInFabric } from './fabric/run.js';
import { exitWhenWritten } from './written.js';

/**
 * The worker reports its progress several times a second while it works, and warms up and counts for about 10 s
 * before and after. The start of the fabric has its own limits.
 */
const SILENCE_MS = 120_000;

/** SIGHUP, SIGINT and SIGTERM, as shells number them. */
const STOP_STATUSES = [129, 130, 143];

/** A run on the fabric, and the use of its report. */
export interface Launch<Report> {
  /** The prefix of error messages. */
  readonly name: string;
  /** The program that runs on the fabric and reports by messages, and its arguments. */
  readonly worker: URL;
  readonly args: readonly string[];
  readonly view: ProgressView;
  readonly files: ReportFiles;
  readonly render: (report: Report) => string;
  readonly findings: (report: Report) => readonly string[];
  readonly document: (report: Report) => ReportDocument;
  /** Runs the worker's command. Default: on the fabric. */
  readonly run?: (command: readonly string[], options: FabricRunOptions) => Promise<number>;
}

interface WorkerOutcome<Report> {
  readonly status: number;
  /** The loops that the worker has reported. */
  readonly loops: number;
  readonly report: Report | undefined;
}

/** Runs the worker, shows its progress and its report, and returns the exit status. */
export async function launch<Report extends { readonly interrupted: boolean }>(
  what: Launch<Report>,
): Promise<number> {
  const { name, view, files } = what;
  const { status, loops, report } = await runWorker(what).finally(() => view.end());
  if (!report) {
    const stopped = STOP_STATUSES.includes(status);
    const how = stopped ? 'was stopped' : `ended with status ${status}`;
    process.stderr.write(`${name}: the run ${how} after ${loops} loops, without a report\n`);
    return stopped ? status : 1;
  }
  process.stdout.write(what.render(report));
  const findings = what.findings(report);
  // A signal ends this process, also while it waits for the reader of a pipe.
  const { signal } = new AbortController();
  await writeReports(files.json, { ...report, findings }, files.html, what.document(report), signal);
  const expected = findings.length === 0 ? 0 : 1;
  if (!report.interrupted && status !== expected) {
    process.stderr.write(`${name}: the run ended with status ${status} after its report\n`);
    return 1;
  }
  return status;
}

/** Ends this process with the result of the run. */
export function exitWith(name: string, run: Promise<number>): void {
  run.then(
    (status) => exitWhenWritten(status),
    (error: unknown) => {
      process.stderr.write(`${name}: ${error instanceof FabricError ? error.message : String(error)}\n`);
      return exitWhenWritten(1);
    },
  );
}

async function runWorker<Report>({
  name,
  worker,
  args,
  view,
  run = runInFabric,
}: Launch<Report>): Promise<WorkerOutcome<Report>> {
  let loops = 0;
  let report: Report | undefined;
  const silence = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      view.write(`${name}: hung: the run has printed nothing for ${SILENCE_MS / 1000} s\n`);
      silence.abort();
    }, SILENCE_MS);
  };
  const handle = (message: Message<Report>) => {
    if (message.type === 'progress') {
      loops = message.loops;
      view.update(message);
    } else if (message.type === 'note') view.write(`${message.text}\n`);
    else report = message.report;
  };
  const stdout = new LineReader((line) => {
    listen();
    const message = decodeMessage<Report>(line);
    if (message) handle(message);
    else view.write(`${line}\n`);
  });
  const stderr = new LineReader((line) => view.write(`${line}\n`));
  // tsx as a loader, not as a command: one process, which gets the signals itself.
  const loader = ['--import', import.meta.resolve('tsx')];
  const command = [process.execPath, ...loader, fileURLToPath(worker), ...args];
  try {
    const status = await run(command, {
      stdout,
      stderr,
      // glibc gives each new thread an arena and keeps freed memory in all of them: resident memory would grow for
      // hundreds of loops without a leak. With one arena it does not.
      env: { MALLOC_ARENA_MAX: '1' },
      signal: silence.signal,
      report: (line) => view.write(`fabric: ${line}\n`),
    });
    stdout.flush();
    stderr.flush();
    // The fabric reports this abort like a signal; for the caller it is a failure.
    return { status: silence.signal.aborted ? 1 : status, loops, report };
  } finally {
    clearTimeout(timer);
  }
}
