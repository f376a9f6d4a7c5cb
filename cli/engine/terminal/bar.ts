import { Presets, SingleBar } from 'cli-progress';

const maxBar = 30;
const minBar = 5;
/** Room for the text: what is longer than the line is cut off. */
const textColumns = 50;

/** Whether a stream is a terminal on which a bar can be drawn, over and over: TERM says where that is not possible. */
export function canDraw({ isTTY }: { readonly isTTY?: boolean }): boolean {
  return isTTY === true && process.env.TERM !== 'dumb';
}

/** A progress bar with a text beside it. Ctrl-C belongs to the verb, and the bar stays until its work has ended. */
export function newBar(stream: NodeJS.WriteStream): SingleBar {
  const room = (stream.columns || Number.POSITIVE_INFINITY) - textColumns;
  const barsize = Math.max(minBar, Math.min(maxBar, room));
  return new SingleBar(
    { stream, format: '{bar} {text}', barsize, hideCursor: true, gracefulExit: false },
    Presets.shades_classic,
  );
}
