import { Presets, SingleBar } from 'cli-progress';
import { formatBytes } from './numbers.js';

export interface TransferBar {
  update(bytes: number): void;
  stop(): void;
}

const none: TransferBar = { update: () => {}, stop: () => {} };

/** Shows the progress of a transfer on stderr, if that is a terminal. */
export function transferBar(total: number | undefined): TransferBar {
  if (!process.stderr.isTTY || total === undefined) return none;
  const bar = new SingleBar(
    { stream: process.stderr, format: '{bar} {text}', barsize: 30, hideCursor: true, gracefulExit: false },
    Presets.shades_classic,
  );
  const begun = performance.now();
  const textOf = (bytes: number) => {
    const seconds = (performance.now() - begun) / 1000;
    const rate = seconds > 0 ? `, ${formatBytes(bytes / seconds)}/s` : '';
    return `${formatBytes(bytes)} of ${formatBytes(total)}${rate}`;
  };
  bar.start(total, 0, { text: textOf(0) });
  return {
    update: (bytes) => bar.update(bytes, { text: textOf(bytes) }),
    stop: () => bar.stop(),
  };
}
