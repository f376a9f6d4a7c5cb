// What happened to a controller, as programs read it.

import type { SpdkErrorCode } from '../errors/catalogue.js';
import type { NativeController } from '../native/contract.js';
import { type LogLevel, logLevels } from '../options/environment.js';

/**
 * - `state`: the controller moved on to the state that `text` names
 * - `failure`: the link or the target died; `code` and `text` say how
 * - `connection-lost`: a queue pair lost its connection
 * - `retry`: connecting is tried once more; `code` and `text` say why
 * - `reset`: a step of a reset or a reconnect
 * - `note`: something that the user may mend, as `controller.notes` has it
 * - `log`: SPDK logged a line about this controller, a notice or more severe, whatever the `logLevel`
 */
export type HistoryKind = 'state' | 'failure' | 'connection-lost' | 'retry' | 'reset' | 'note' | 'log';

/** One thing that happened to a controller. */
export interface HistoryEvent {
  readonly kind: HistoryKind;
  readonly text: string;
  /** When, in milliseconds since 1970, as `Date.now()` has it. */
  readonly wallMs: number;
  /** When, in milliseconds of the clock that `process.hrtime()` reads, which nobody sets. */
  readonly monotonicMs: number;
  /** Of a failure or a retry. */
  readonly code?: SpdkErrorCode;
  /** Of a log line. */
  readonly level?: LogLevel;
  /** Of a log line: where in SPDK's source, as `file:line:function`. */
  readonly source?: string;
}

/** @internal The history as native code has it now. */
export function historyOf(native: Pick<NativeController, 'history'>): readonly HistoryEvent[] {
  return native.history().map(({ kind, text, wallMs, monotonicMs, code, level, source }) => ({
    kind: kind as HistoryKind,
    text,
    wallMs,
    monotonicMs,
    ...(code === '' ? {} : { code: code as SpdkErrorCode }),
    ...(kind === 'log' ? { level: logLevels[level] ?? 'notice', source } : {}),
  }));
}
