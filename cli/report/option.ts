import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { writableFile } from '../engine/files.js';
import type { ReportDocument } from './document.js';
import { renderHtml } from './html.js';

/** `--report FILE.html`. */
export function reportOption(): Option {
  return new Option(
    '--report <FILE>',
    'write a page with charts there: one HTML file that needs nothing else',
  ).argParser(writableFile);
}

export function writeHtml(file: string, report: ReportDocument): void {
  writeFileSync(file, renderHtml(report));
}
