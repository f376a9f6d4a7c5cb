// The option for a page, and the files that a run writes.

import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import { writableFile } from '../engine/files/named-files.js';
import { isNamedPipe, writePipe } from '../engine/files/named-pipes.js';
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

/**
 * Writes both files of a run, the page also where the JSON cannot be written; what failed is thrown at the end.
 * @param signal ends the wait for the reader of a pipe
 */
export async function writeReports(
  json: string | undefined,
  report: object,
  page: string | undefined,
  document: ReportDocument,
  signal: AbortSignal,
): Promise<void> {
  const writes = [];
  if (json !== undefined) writes.push(writeReport(json, `${JSON.stringify(report, null, 2)}\n`, signal));
  if (page !== undefined) writes.push(writeHtml(page, document, signal));
  const errors = (await Promise.allSettled(writes)).flatMap((write) =>
    write.status === 'rejected' ? [write.reason] : [],
  );
  if (errors.length > 0) throw new Failure(errors.map(explain).join('; '));
}

/**
 * Like the write, but if a signal has ended the wait, it decides the exit status, and the user is only told what was
 * not written.
 */
export async function reportedIfStopped(write: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write(`spdk-nvme: ${explain(error)}\n`);
  }
}

export function writeHtml(file: string, report: ReportDocument, signal: AbortSignal): Promise<void> {
  return writeReport(file, renderHtml(report), signal);
}

async function writeReport(file: string, text: string, signal: AbortSignal): Promise<void> {
  if (isNamedPipe(file)) await writePipe(file, text, signal);
  else writeFileSync(file, text);
}
