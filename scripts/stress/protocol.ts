import type { StressReport } from './report.js';

/** How far the loops are. */
export interface Progress {
  readonly loops: number;
  readonly failed: number;
  readonly hangs: number;
  readonly elapsedMs: number;
}

/** What the worker on the fabric tells the host: one JSON object a line on its stdout. */
export type Message<Report = StressReport> =
  | ({ readonly type: 'progress' } & Progress)
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'report'; readonly report: Report };

export function encodeMessage<Report = StressReport>(message: Message<Report>): string {
  return `${JSON.stringify(message)}\n`;
}

/** Undefined for a line that some library or tool wrote in between. */
export function decodeMessage<Report = StressReport>(line: string): Message<Report> | undefined {
  if (!line.startsWith('{"type":"')) return undefined;
  try {
    return JSON.parse(line) as Message<Report>;
  } catch {
    return undefined;
  }
}
