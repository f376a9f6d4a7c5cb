// The part of the soak that runs on the fabric; main.ts starts it and reads what it writes to stdout.
// Takes SoakOptions as JSON.
import { encodeMessage, type Message } from '../../cli/engine/process/messages.js';
import { StopSignal } from '../../cli/engine/process/stop.js';
import { exitWhenWritten } from '../written.js';
import type { SoakOptions } from './options.js';
import { type SoakReport, statusOf } from './report.js';
import { runSoak } from './run.js';

const options = JSON.parse(process.argv[2] ?? '') as SoakOptions;
const stop = new StopSignal();

function send(message: Message<SoakReport>): void {
  process.stdout.write(encodeMessage(message));
}

async function main(): Promise<number> {
  const report = await runSoak(options, stop, send);
  send({ type: 'report', report });
  return stop.status || statusOf(report);
}

main().then(
  // Nothing else is waited for: a wedged controller or an operation that has not settled must not keep the process.
  (status) => exitWhenWritten(status),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? error}\n`);
    return exitWhenWritten(stop.status || 1);
  },
);
