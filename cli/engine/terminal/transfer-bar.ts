// The progress of a transfer, on a terminal.

import { formatBytes } from '../options/numbers.js';
import { canDraw, newBar } from './bar.js';

export interface TransferBar {
  update(done: number): void;
  stop(): void;
}

const none: TransferBar = { update: () => {}, stop: () => {} };

/** Shows the progress of a transfer on stderr, if that is a terminal. @param what it does, where that changes */
export function transferBar(total: number | undefined, what = ''): TransferBar {
  if (total === undefined) return none;
  const begun = performance.now();
  return progressBar(total, (bytes) => {
    const seconds = (performance.now() - begun) / 1000;
    const rate = seconds > 0 ? `, ${formatBytes(bytes / seconds)}/s` : '';
    return `${what}${formatBytes(bytes)} of ${formatBytes(total)}${rate}`;
  });
}

/** A progress bar on stderr, if that is a terminal that can show one. */
export function progressBar(total: number, textOf: (done: number) => string): TransferBar {
  if (!canDraw(process.stderr)) return none;
  const bar = newBar(process.stderr);
  bar.start(total, 0, { text: textOf(0) });
  return {
    update: (done) => bar.update(done, { text: textOf(done) }),
    stop: () => bar.stop(),
  };
}
