// Where this package is installed, whichever of its files, bundled or not, asks.

import { createRequire } from 'node:module';
import path from 'node:path';
import { SpdkError } from '../errors/spdk-error.js';

/** `require()` as a file of this package has it. */
export function packageRequire(): NodeJS.Require {
  return createRequire(import.meta.url);
}

/**
 * The folder of package.json. Looked for when it is needed: a program's bundler may have moved this code away from it, and importing this
 * package never throws.
 * @throws {SpdkError} ERR_SPDK_ADDON_MISSING
 */
export function packageRoot(): string {
  try {
    return path.dirname(packageRequire().resolve('spdk-nvme/package.json'));
  } catch (cause) {
    throw new SpdkError(
      'ERR_SPDK_ADDON_MISSING',
      'This package does not find its own folder, with the native addon; a bundler has probably copied its code into another file. Make ' +
        '`spdk-nvme` external (esbuild: `--external:spdk-nvme`), and install it where the bundle runs',
      { cause },
    );
  }
}
