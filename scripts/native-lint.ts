// The linters of the C++ source alone: `npm run lint:native`.
import { runChecks } from './testing/checks.js';
import { runParts } from './testing/session.js';
import { nativeChecks } from './testing/source-native.js';

process.exitCode = await runParts([
  { title: 'C++ source', run: (_, signal) => runChecks(nativeChecks, signal) },
]);
