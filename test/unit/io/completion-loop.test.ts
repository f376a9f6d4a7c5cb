// How often the JavaScript thread looks at queue pairs that nothing is pending on.

import { afterEach, expect, it, vi } from 'vitest';
import { CompletionLoop, type Reaped } from '../../../lib/io/completion-loop.js';

afterEach(() => {
  vi.useRealTimers();
});

it.each([
  ['inline', 10],
  ['adaptive', 0],
  ['threads', 0],
] as const)('idle with %s, at most %i times a second', (mode, most) => {
  vi.useFakeTimers();
  let polls = 0;
  const queuePair: Reaped = {
    poller: -1,
    poll: () => {
      polls++;
    },
    reap: () => false,
    requestWake: () => {},
  };
  const loop = new CompletionLoop(mode);
  loop.start([queuePair]);
  vi.advanceTimersByTime(1_000);
  loop.stop();
  expect(polls).toBe(most);
});
