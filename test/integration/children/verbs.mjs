// Runs verbs of the command line one after the other in one process: in the guest, a process for each takes seconds to start. A line of
// its input has the words of one, and a line of its output the status and what was printed.

import { createInterface } from 'node:readline';

const main = new URL('../../../dist/cli/main.js', import.meta.url);
const write = process.stdout.write.bind(process.stdout);
let printed = '';
Object.assign(process.stdout, {
  write: (/** @type {string | Uint8Array} */ text, /** @type {unknown[]} */ ...more) => {
    printed += text;
    for (const done of more) if (typeof done === 'function') done();
    return true;
  },
});
// Each run listens to them.
process.setMaxListeners(0);
process.stdout.setMaxListeners(0);
process.stderr.setMaxListeners(0);

let runs = 0;
for await (const words of createInterface({ input: process.stdin })) {
  [printed, process.exitCode] = ['', 0];
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...JSON.parse(words));
  // It runs a verb when it is loaded, so it is loaded anew each time.
  await import(`${main}?${runs++}`);
  write(`${JSON.stringify({ status: process.exitCode, printed })}\n`);
}
