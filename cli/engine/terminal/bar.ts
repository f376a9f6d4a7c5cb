import { Presets, SingleBar } from 'cli-progress';

/** A progress bar with a text beside it. Ctrl-C belongs to the verb, and the bar stays until its work has ended. */
export function newBar(stream: NodeJS.WriteStream): SingleBar {
  return new SingleBar(
    { stream, format: '{bar} {text}', barsize: 30, hideCursor: true, gracefulExit: false },
    Presets.shades_classic,
  );
}
