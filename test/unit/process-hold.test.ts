// The process stays alive while something is pending, also where timers are a test runner's.

import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

it('is held as long as one holder holds it, by one timer of its own', async () => {
  vi.resetModules();
  const { eventLoop } = await import('../../lib/internal/event-loop.js');
  const begun = vi.spyOn(eventLoop, 'setInterval');
  const { ProcessHold } = await import('../../lib/internal/process-hold.js');
  const [one, other] = [new ProcessHold(), new ProcessHold()];
  one.set(false);
  expect(begun).not.toHaveBeenCalled();
  one.set(true);
  one.set(true);
  const timer = begun.mock.results[0]?.value as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(true);
  other.set(true);
  one.set(false);
  expect(timer.hasRef()).toBe(true);
  other.set(false);
  other.set(false);
  expect(timer.hasRef()).toBe(false);
  one.set(true);
  expect(timer.hasRef()).toBe(true);
  one.set(false);
  expect(begun).toHaveBeenCalledTimes(1);
  clearInterval(timer);
});
