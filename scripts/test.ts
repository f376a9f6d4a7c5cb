// Everything `npm test` stands for: the unit tests here, the C++ tests here, the integration tests on the fabric.
import { runNativeTests } from './testing/native.js';
import { runParts } from './testing/session.js';
import { runIntegrationTests, runUnitTests } from './testing/vitest.js';

process.exitCode = await runParts([
  { title: 'Unit tests', run: runUnitTests },
  { title: 'C++ tests', run: runNativeTests },
  { title: 'Integration tests', run: runIntegrationTests },
]);
