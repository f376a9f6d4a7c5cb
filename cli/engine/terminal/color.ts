// Text in colours that have a meaning.

import { styleText } from 'node:util';

const colors = { good: 'green', doubtful: 'yellow', bad: 'red' } as const;
export type Mood = keyof typeof colors;

/** Text in the colour of its meaning, on a terminal that has colours: Node.js knows of NO_COLOR and FORCE_COLOR. */
export function colored(mood: Mood, text: string, stream: NodeJS.WritableStream = process.stdout): string {
  return styleText(colors[mood], text, { stream });
}

const moods: Readonly<Record<string, Mood>> = {
  attached: 'good',
  up: 'good',
  live: 'good',
  failed: 'bad',
  wedged: 'bad',
};

/** The state of a controller or a path, or the code of the error in its place. A state that is neither good nor bad passes. */
export function coloredState(state: string): string {
  const mood = moods[state] ?? (state.startsWith('ERR_') ? 'bad' : 'doubtful');
  return colored(mood, state);
}

/** What a run found, on one line. @param stopped how a run ended that was stopped before its end */
export function verdict(findings: readonly string[], stopped = ''): string {
  const clean = findings.length === 0;
  const text = clean ? 'clean' : findings.join('; ');
  const line = stopped ? `${stopped}: ${text}` : text.charAt(0).toUpperCase() + text.slice(1);
  return colored(clean ? 'good' : 'bad', line);
}
