// The C++ tests alone: `npm run test:native`.
import { runNativeTests } from './testing/native.js';
import { runParts } from './testing/session.js';

process.exitCode = await runParts([{ title: 'C++ tests', run: runNativeTests }]);
