// The history of a controller.

import type { SpdkErrorCode } from '../errors/catalogue.js';
import type { NativeController } from '../native/contract.js';
import { type LogLevel, logLevels } from '../options/environment.js';

/**
 * - `state`: the controller entered the state that `text` names
 * - `failure`: the link or the target failed; `code` and `text` say how it was noticed
 * - `connection-lost`: a queue pair lost its connection
 * - `retry`: another attempt to connect follows; `code` and `text` say why
 * - `reset`: a step of a reset or a reconnect
 * - `note`: a problem that can be fixed on the target, as in `controller.notes`
 * - `log`: a line of SPDK's log about this controller, a notice or more severe, whatever the `logLevel`
 */
export type HistoryKind = 'state' | 'failure' | 'connection-lost' | 'retry' | 'reset' | 'note' | 'log';

/** An event in the history of a controller. */
export interface HistoryEvent {
  readonly kind: HistoryKind;
  readonly text: string;
  /** The time in milliseconds since 1970, as of `Date.now()`. */
  readonly wallMs: number;
  /** The time in milliseconds of the clock of `process.hrtime()`, which is never set back. */
  readonly monotonicMs: number;
  /** The code of a failure or a retry. */
  readonly code?: SpdkErrorCode;
  /** The level of a log line. */
  readonly level?: LogLevel;
  /** The place of a log line in SPDK's source, as `file:line:function`. */
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
