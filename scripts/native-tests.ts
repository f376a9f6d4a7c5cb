// The C++ tests alone: `npm run test:native`.
import { Command } from 'commander';
import { parse } from './arguments.js';
import { runNativeTests } from './testing/native.js';
import { runParts } from './testing/session.js';

const command = new Command('npm run test:native --')
  .description('Builds and runs the C++ tests: plain, and under the sanitizers.')
  .option('--record-instructions', 'records the instructions of a command as they are now');
const given = parse<{ recordInstructions?: true }>(command, process.argv.slice(2));
process.exitCode =
  given.status ??
  (await runParts([
    {
      title: 'C++ tests',
      run: (folder, signal) => runNativeTests(folder, signal, given.options.recordInstructions === true),
    },
  ]));
