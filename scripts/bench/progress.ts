import { SingleBar } from 'cli-progress';
import type { Turn } from './messages.js';
import { percentile } from './statistics.js';

const NAMES = { binding: 'package', native: 'C loop', nvmeCli: 'nvme-cli' } as const;

/** Shows each turn as it is done: a bar on a terminal, a line elsewhere. */
export interface Progress {
  turn(turn: Turn): void;
  stop(): void;
}

export function describeTurn({ side, ioQueues, round, cycles }: Turn): string {
  const p50 = percentile(
    cycles.map(({ attachMs, detachMs }) => attachMs + detachMs),
    0.5,
  );
  const queues = ioQueues === 1 ? '1 I/O queue' : `${ioQueues} I/O queues`;
  return `${queues}, round ${round + 1}, ${NAMES[side]}: ${cycles.length} cycles, p50 ${p50.toFixed(1)} ms`;
}

export function progressOn(stream: NodeJS.WriteStream, total: number): Progress {
  if (!stream.isTTY) {
    return { turn: (turn) => stream.write(`${describeTurn(turn)}\n`), stop: () => {} };
  }
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} cycles, {eta_formatted} left | {last}',
    hideCursor: true,
    // Ctrl-C belongs to the fabric, which ends the guest first.
    gracefulExit: false,
  });
  bar.start(total, 0, { last: 'starting' });
  return {
    turn: (turn) => bar.increment(turn.cycles.length, { last: describeTurn(turn) }),
    stop: () => bar.stop(),
  };
}
