// The lines that a run prints with `--messages`.

import { toJson } from './json.js';

/** The progress of the loops. */
export interface Progress {
  readonly loops: number;
  readonly failed: number;
  readonly hangs: number;
  readonly elapsedMs: number;
}

/**
 * The messages of a run. With `--messages` a verb writes one JSON object a line to its stdout, so that a program
 * on another machine (the fabric's host, say) can show it.
 */
export type Message<Report> =
  | ({ readonly type: 'progress' } & Progress)
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'report'; readonly report: Report };

export function encodeMessage<Report>(message: Message<Report>): string {
  return `${toJson(message)}\n`;
}

/** Reads a message; undefined for a line that a library or tool wrote in between. */
export function decodeMessage<Report>(line: string): Message<Report> | undefined {
  if (!line.startsWith('{"type":"')) return undefined;
  try {
    return JSON.parse(line) as Message<Report>;
  } catch {
    return undefined;
  }
}
