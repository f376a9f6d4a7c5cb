// What an installation leaves for the first use of the package: lib/native/install-report.ts reads it.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const logFile = path.join(root, 'install.log');
const reportFile = path.join(root, 'install-report.json');

/**
 * @typedef {object} InstallReport
 * @property {'built' | 'no-spdk' | 'no-tools' | 'failed'} outcome
 * @property {string} reason the end of the sentence "The addon is missing because …"
 * @property {string} remedy one command
 */

/** @param {InstallReport} report */
export function writeReport(report) {
  try {
    fs.writeFileSync(reportFile, `${JSON.stringify({ ...report, time: new Date() }, null, 2)}\n`);
  } catch (error) {
    // The first use then says less; what was printed here is still right.
    console.error(`spdk-nvme: ${reportFile} cannot be written: ${error}`);
  }
}
