// When a controller in memory considers its target dead.

import type { MemoryTargetFaults } from './faults.js';
import type { Scheduler } from './scheduler.js';

/** Calls `expired` when a target has not responded for the keep-alive timeout; 0 is none. Returns the function that ends that. */
export function watchKeepAlive(
  target: MemoryTargetFaults,
  scheduler: Scheduler,
  keepAliveMs: number,
  expired: () => void,
): () => void {
  if (keepAliveMs === 0) return () => {};
  let cancel: (() => void) | undefined;
  const listener = (silent: boolean) => {
    cancel?.();
    cancel = silent ? scheduler.after(keepAliveMs, expired) : undefined;
  };
  const end = target.whenSilent(listener);
  listener(target.silent);
  return () => {
    cancel?.();
    end();
  };
}
