// The option for a page, and the files that a run writes.

import { Option } from 'commander';
import { writableFile } from '../engine/files/named-files.js';
import { isNamedPipe, writePipe } from '../engine/files/named-pipes.js';
import { openOutput } from '../engine/files/output-file.js';
import { explain, Failure } from '../engine/process/exit.js';
import { toJson } from '../engine/process/json.js';
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
  if (json !== undefined) writes.push(writeJson(json, report, signal));
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

export function writeJson(file: string, report: object, signal?: AbortSignal): Promise<void> {
  return writeReport(file, `${toJson(report, 2)}\n`, signal);
}

/** Writes all of a text, or leaves what was there before. */
async function writeReport(file: string, text: string, signal = new AbortController().signal): Promise<void> {
  if (isNamedPipe(file)) return writePipe(file, text, signal);
  try {
    const output = await openOutput(file, signal);
    try {
      output.stream.write(text);
      await output.complete();
    } finally {
      output.close();
    }
  } catch (error) {
    throw new Failure(`${file} cannot be written: ${explain(error)}`);
  }
}
