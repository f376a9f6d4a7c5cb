#!/usr/bin/env node
// The package's command line: `npx spdk-nvme VERB`.
import { constants } from 'node:os';
import { hideKeys } from './engine/options/key-options.js';
import { explain } from './engine/process/exit.js';
import { endAtSignals } from './engine/process/stop.js';
import { run } from './program.js';

let unwritten = 0;
// When the diagnostics have no reader, the status says what happened.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Programs whose output is no longer read end by SIGPIPE, which Node.js turns into this error.
  unwritten = error.code === 'EPIPE' ? 128 + constants.signals.SIGPIPE : 1;
  if (error.code !== 'EPIPE') process.stderr.write(`spdk-nvme: ${explain(error)}\n`);
  process.exitCode ||= unwritten;
});

const args = process.argv.slice(2);
hideKeys(args);
const status = await run(args);
process.exitCode = status || unwritten;
// After a signal, a terminal or a pipe that is still being read must not keep the process, nor a reader that has stopped.
if (status > 128) {
  setTimeout(() => process.exit(), 1_000);
  process.stdout.write('', () => process.exit());
} else {
  // Its reader may have stopped, and keep the process.
  endAtSignals();
}
