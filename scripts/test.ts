// `npm test`: checks of the source; the unit, TCP and C++ tests, some of them also on other releases of Node.js; the tests
// of the fabric; the package as users install it; the tests on the fabric. Tests wait most of their time: the C++ tests are
// compiled, and the source and the package are checked, beside the others, with the processor time that those leave.
import { type PartName, parseArguments } from './testing/arguments.js';
import { runBeside } from './testing/beside.js';
import { prepareNativeTests, runNativeTests } from './testing/native.js';
import { nodeOfThisMajor, runOnNodeReleases } from './testing/node-releases.js';
import { type Part, runParts } from './testing/session.js';
import { runSourceChecks } from './testing/source.js';
import { runTarballChecks } from './testing/tarball.js';
import { runIntegrationTests, runOnHost } from './testing/vitest.js';

const parts: Readonly<Record<PartName, Part>> = {
  source: {
    title: 'Source checks',
    run: runSourceChecks,
    beside: (folder, signal) => runBeside('source', folder, signal),
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
  // Not beside the tests over TCP, since it starts a target too.
  package: {
    title: 'The packed package',
    run: runTarballChecks,
    beside: (folder, signal) => runBeside('package', folder, signal),
  },
  integration: { title: 'Integration tests', run: runIntegrationTests },
};

const given = parseArguments(process.argv.slice(2));
process.exitCode = given.status ?? (await runParts(given.parts.map((name) => parts[name])));
