// The binary package: an optional package that has the addon, linked with SPDK, for machines that build nothing.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRequire, packageRoot } from './package-root.js';

/** The name of the binary package for this platform. */
export const prebuiltName = `@spdk-nvme/${process.platform}-${process.arch}`;

/** The addon of the binary package, or why it cannot be used here. */
export type Prebuilt = { readonly file: string } | { readonly unfit: string };

/** Looks for the binary package; undefined where it is not installed. */
export function findPrebuilt(): Prebuilt | undefined {
  let manifestFile: string;
  try {
    manifestFile = packageRequire().resolve(`${prebuiltName}/package.json`);
  } catch {
    return undefined;
  }
  const { version, glibc } = JSON.parse(readFileSync(manifestFile, 'utf8'));
  const wanted = JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')).version;
  const name = `${prebuiltName} ${version}`;
  if (version !== wanted)
    return { unfit: `${name} is for another version of this package, which is ${wanted}` };
  const here = glibcVersion();
  if (isOlder(here, String(glibc))) {
    return { unfit: `${name} needs glibc ${glibc}, and this system has ${here ?? 'another C library'}` };
  }
  return { file: path.join(path.dirname(manifestFile), 'spdk_nvme.node') };
}

/** The version of glibc on this system; undefined where the C library is another one. */
function glibcVersion(): string | undefined {
  // Later than @types/node of the oldest release: without it, names of network peers are looked up.
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime;
}

function isOlder(here: string | undefined, wanted: string): boolean {
  if (here === undefined) return true;
  const [major = 0, minor = 0] = here.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
