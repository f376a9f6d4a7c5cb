// Loaded before every script. When the reader of the output has ended, as with `| head -1`, the script stops as after SIGTERM and exits
// with the status of SIGPIPE. Without this file Node.js would report the error EPIPE with a stack.
import { constants } from 'node:os';

const status = 128 + constants.signals.SIGPIPE;
let stopped = false;

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error;
    if (stopped) return;
    stopped = true;
    process.exitCode = status;
    // A script that has started something ends it first.
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(status);
  });
}
