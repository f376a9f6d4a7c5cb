// `npm test`: checks of the source; the unit, TCP and C++ tests, some of them also on other releases of Node.js; the tests
// of the fabric and those on it; the package as users install it. Tests wait most of their time: the C++ tests are
// compiled and the source is checked beside the others, with the processor time that those leave.
import { type PartName, parseArguments } from './testing/arguments.js';
import { prepareNativeTests, runNativeTests } from './testing/native.js';
import { nodeOfThisMajor, runOnNodeReleases } from './testing/node-releases.js';
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
  unit: {
    title: 'Unit tests',
    run: (folder, signal) => runOnHost(['unit', 'source'], folder, signal, { node: nodeOfThisMajor() }),
  },
  tcp: {
    title: 'I/O tests over TCP',
    run: (folder, signal) => runOnHost(['tcp'], folder, signal, { node: nodeOfThisMajor() }),
  },
  // After the tests over TCP, which leave enough time to compile it; before the integration tests, which use a part of it.
  native: { title: 'C++ tests', prepare: prepareNativeTests, run: runNativeTests },
  'node-releases': { title: 'Node.js releases', run: runOnNodeReleases },
  fabric: { title: 'Fabric tests', run: (folder, signal) => runOnHost(['fabric'], folder, signal) },
  integration: { title: 'Integration tests', run: runIntegrationTests },
  package: { title: 'The packed package', run: runTarballChecks },
};

const given = parseArguments(process.argv.slice(2));
process.exitCode = given.status ?? (await runParts(given.parts.map((name) => parts[name])));
