// The option for a page, and the files that a run writes.

import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { writableFile } from '../engine/files/named-files.js';
import { explain, Failure } from '../engine/process/exit.js';
import type { ReportDocument } from './document.js';
import { renderHtml } from './html.js';

/** The option `--report FILE.html`. */
export function reportOption(): Option {
  return new Option(
    '--report <FILE>',
    'write a page with charts to this HTML file, which needs no other file',
  ).argParser(writableFile);
}

/** Writes both files of a run, the page also where the JSON cannot be written; what failed is thrown at the end. */
export function writeReports(
  json: string | undefined,
  report: object,
  page: string | undefined,
  document: ReportDocument,
): void {
  const errors: unknown[] = [];
  const attempt = (write: () => void) => {
    try {
      write();
    } catch (error) {
      errors.push(error);
    }
  };
  if (json !== undefined) attempt(() => writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`));
  if (page !== undefined) attempt(() => writeHtml(page, document));
  if (errors.length > 0) throw new Failure(errors.map(explain).join('; '));
}

export function writeHtml(file: string, report: ReportDocument): void {
  writeFileSync(file, renderHtml(report));
}
