import { newBar } from '../../cli/engine/terminal/bar.js';
import { many } from '../../cli/engine/terminal/many.js';
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
  const parts = [
    many(ioQueues, 'I/O queue'),
    `round ${round + 1}`,
    `${SIDE_NAMES[side]}: ${many(cycles.length, 'cycle')}`,
  ];
  if (p50 !== undefined) parts.push(`p50 ${p50.toFixed(1)} ms`);
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join(', ');
}

export function progressOn(stream: NodeJS.WriteStream, total: number): Progress {
  if (!stream.isTTY) {
    return { turn: (turn) => stream.write(`${describeTurn(turn)}\n`), stop: () => {} };
  }
  const bar = newBar(stream);
  let done = 0;
  bar.start(total, 0, { text: 'starting' });
  return {
    turn: (turn) => {
      done += turn.cycles.length + turn.failed;
      bar.update(done, { text: `${done}/${total} cycles | ${describeTurn(turn)}` });
    },
    stop: () => bar.stop(),
  };
}
