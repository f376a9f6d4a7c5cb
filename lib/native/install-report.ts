// Why the addon is missing: what the package's install script left in a file.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from './package-root.js';

/** Why there is no addon, as the end of a sentence, and the command that changes it. */
export interface InstallReport {
  readonly reason: string;
  readonly remedy: string;
}

const notRun: InstallReport = {
  reason:
    'the install script of this package has not run (npm from 12 on, pnpm, Yarn and Bun run none unless the ' +
    'package is allowed to build, and npm with `ignore-scripts` runs none at all)',
  remedy: 'npx spdk-nvme build',
};

/** The report of the latest installation or build. */
export function installReport(): InstallReport {
  try {
    const { reason, remedy } = JSON.parse(
      readFileSync(path.join(packageRoot(), 'install-report.json'), 'utf8'),
    );
    if (typeof reason === 'string' && typeof remedy === 'string') return { reason, remedy };
  } catch {}
  return notRun;
}
