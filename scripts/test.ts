// Everything `npm test` stands for: the unit, C++ and TCP tests here, the integration tests on the fabric.
import { runNativeTests } from './testing/native.js';
import { runParts } from './testing/session.js';
import { runIntegrationTests, runOnHost } from './testing/vitest.js';

process.exitCode = await runParts([
  { title: 'Unit tests', run: (folder, signal) => runOnHost('unit', folder, signal) },
  { title: 'C++ tests', run: runNativeTests },
  { title: 'I/O tests over TCP', run: (folder, signal) => runOnHost('tcp', folder, signal) },
  { title: 'Integration tests', run: runIntegrationTests },
]);
