// Everything `npm test` stands for: what is found by reading the source; the unit, C++ and TCP tests, some of them on
// other releases of Node.js too; the tests of the fabric and those on it; the package as its users install it.
import { runNativeTests } from './testing/native.js';
import { runOnNodeReleases } from './testing/node-releases.js';
import { runParts } from './testing/session.js';
import { runSourceChecks } from './testing/source.js';
import { runTarballChecks } from './testing/tarball.js';
import { runIntegrationTests, runOnHost } from './testing/vitest.js';

process.exitCode = await runParts([
  { title: 'Source checks', run: runSourceChecks },
  { title: 'Unit tests', run: (folder, signal) => runOnHost('unit', folder, signal) },
  { title: 'C++ tests', run: runNativeTests },
  { title: 'I/O tests over TCP', run: (folder, signal) => runOnHost('tcp', folder, signal) },
  { title: 'Node.js releases', run: runOnNodeReleases },
  { title: 'Fabric tests', run: (folder, signal) => runOnHost('fabric', folder, signal) },
  { title: 'Integration tests', run: runIntegrationTests },
  { title: 'The packed package', run: runTarballChecks },
]);
