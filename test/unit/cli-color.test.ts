// Colours are for terminals, and for those who want them.
import { PassThrough } from 'node:stream';
import { WriteStream } from 'node:tty';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { colored, coloredState, verdict } from '../../cli/engine/terminal/color.js';

beforeEach(() => {
  // A terminal of a CI has none either.
  for (const name of ['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS', 'CI', 'TMUX', 'COLORTERM'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('TERM', 'xterm-256color');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A stream that says whether it is a terminal, as Node.js's own do. */
const stream = (isTTY: boolean) =>
  Object.assign(new PassThrough(), { isTTY, getColorDepth: () => WriteStream.prototype.getColorDepth() });

const red = '\u001b[31mx\u001b[39m';

it('a terminal has colours', () => {
  expect(colored('bad', 'x', stream(true))).toBe(red);
});

it.each(['NO_COLOR', 'NODE_DISABLE_COLORS'])('a terminal with %s has none', (name) => {
  vi.stubEnv(name, '1');
  expect(colored('bad', 'x', stream(true))).toBe('x');
});

it('a file or a pipe has none, unless they are forced', () => {
  expect(colored('bad', 'x', stream(false))).toBe('x');
  vi.stubEnv('FORCE_COLOR', '1');
  expect(colored('bad', 'x', stream(false))).toBe(red);
});

it('states and verdicts have the colour of their meaning', () => {
  vi.stubEnv('FORCE_COLOR', '1');
  const code = (text: string) => text.slice(2, 4);
  const states = ['attached', 'live', 'resetting', 'wedged', 'ERR_SPDK_UNREACHABLE'];
  expect(states.map((state) => code(coloredState(state)))).toEqual(['32', '32', '33', '31', '31']);
  expect(verdict([])).toBe('\u001b[32mClean\u001b[39m');
  expect(verdict(['hung', 'leaked'], 'Stopped')).toBe('\u001b[31mStopped: hung; leaked\u001b[39m');
});
