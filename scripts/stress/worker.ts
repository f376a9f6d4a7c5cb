// The part of the stress script that runs on the fabric; main.ts starts it and reads what it writes to stdout.
// Takes StressOptions as JSON.
import type { StressOptions } from './options.js';
import { encodeMessage, type Message } from './protocol.js';
import { statusOf } from './report.js';
import { runStress } from './run.js';
import { StopSignal } from './stop.js';

const options = JSON.parse(process.argv[2] ?? '') as StressOptions;
const stop = new StopSignal();

function send(message: Message): void {
  process.stdout.write(encodeMessage(message));
}

async function main(): Promise<number> {
  const report = await runStress(options, stop, send);
  send({ type: 'report', report });
  return stop.status || statusOf(report);
}

main().then(
  // Nothing is waited for: a wedged controller or an operation without an answer must not keep the process.
  (status) => process.exit(status),
  (error: unknown) => {
    const coded = error instanceof Error && 'code' in error;
    process.stderr.write(
      coded ? `${error.code}: ${error.message}\n` : `${(error as Error).stack ?? error}\n`,
    );
    process.exit(stop.status || 1);
  },
);
