// The site of the API and the guides in build/docs, and whether its links lead anywhere: `npm run docs`.
import { runChecks } from './testing/checks.js';
import { runParts } from './testing/session.js';
import { siteCheck } from './testing/site.js';

process.exitCode = await runParts([{ title: 'Site', run: (_, signal) => runChecks([siteCheck], signal) }]);
