import { vi } from 'vitest';

/**
 * Has the test decide when timers and immediates run. The clearing of each is faked as well: Node.js's own, given a fake one, miscounts and
 * runs no more of its own turns.
 */
export function useFakeEventLoop(...more: 'Date'[]): void {
  vi.useFakeTimers({
    toFake: [
      ...(['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const),
      ...(['setImmediate', 'clearImmediate', 'performance'] as const),
      ...more,
    ],
  });
}
