import { SingleBar } from 'cli-progress';
import type { Turn } from './messages.js';
import { SIDE_NAMES, turnP50 } from './report.js';

/** Shows each turn as it is done: a bar on a terminal, a line elsewhere. */
export interface Progress {
  turn(turn: Turn): void;
  stop(): void;
}

export function describeTurn(turn: Turn): string {
  const { side, ioQueues, round, cycles, failed } = turn;
  const p50 = turnP50(turn);
  const queues = ioQueues === 1 ? '1 I/O queue' : `${ioQueues} I/O queues`;
  const parts = [queues, `round ${round + 1}`, `${SIDE_NAMES[side]}: ${cycles.length} cycles`];
  if (p50 !== undefined) parts.push(`p50 ${p50.toFixed(1)} ms`);
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join(', ');
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
    turn: (turn) => bar.increment(turn.cycles.length + turn.failed, { last: describeTurn(turn) }),
    stop: () => bar.stop(),
  };
}
