// Which releases of Node.js package.json allows. Plain JavaScript: it also runs before any package is installed.
import fs from 'node:fs';

/** @type {{ engines: { node: string } }} */
const { engines } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The releases of Node.js, such as `^20.19.0 || ^22.12.0`. */
export const supportedNode = engines.node;

/**
 * Whether a release is in the same line as one of the named releases, and not older.
 * @param {string} version as `process.versions.node` has it
 */
export function supportsNode(version) {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number.parseFloat);
  return supportedNode.split('||').some((oldest) => {
    const [inMajor, inMinor = 0, inPatch = 0] = oldest.replace(/[\s^]/g, '').split('.').map(Number);
    return major === inMajor && (minor > inMinor || (minor === inMinor && patch >= inPatch));
  });
}
