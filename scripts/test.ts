// `npm test`: checks of the source; the unit, C++ and TCP tests, some of them also on other releases of Node.js; the tests
// of the fabric and those on it; the package as users install it. The checks of the source run beside the others.
import { type PartName, parseArguments } from './testing/arguments.js';
import { runNativeTests } from './testing/native.js';
import { runOnNodeReleases } from './testing/node-releases.js';
import { type Part, runParts } from './testing/session.js';
import { runSourceChecks } from './testing/source.js';
import { runSourceChecksBeside } from './testing/source-beside.js';
import { runTarballChecks } from './testing/tarball.js';
import { runIntegrationTests, runOnHost } from './testing/vitest.js';

const parts: Readonly<Record<PartName, Part>> = {
  source: {
    title: 'Source checks',
    run: runSourceChecks,
    beside: runSourceChecksBeside,
  },
  unit: { title: 'Unit tests', run: (folder, signal) => runOnHost(['unit', 'source'], folder, signal) },
  native: { title: 'C++ tests', run: runNativeTests },
  tcp: { title: 'I/O tests over TCP', run: (folder, signal) => runOnHost(['tcp'], folder, signal) },
  'node-releases': { title: 'Node.js releases', run: runOnNodeReleases },
  fabric: { title: 'Fabric tests', run: (folder, signal) => runOnHost(['fabric'], folder, signal) },
  integration: { title: 'Integration tests', run: runIntegrationTests },
  package: { title: 'The packed package', run: runTarballChecks },
};

const given = parseArguments(process.argv.slice(2));
process.exitCode = given.status ?? (await runParts(given.parts.map((name) => parts[name])));
