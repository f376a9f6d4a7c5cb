import type { Scheduler } from './scheduler.js';
import type { MemoryTarget } from './target.js';

/** Calls when a target has been silent for the keep-alive timeout; 0 is none. Gives the function that ends that. */
export function watchKeepAlive(
  target: MemoryTarget,
  scheduler: Scheduler,
  keepAliveMs: number,
  unanswered: () => void,
): () => void {
  if (keepAliveMs === 0) return () => {};
  let cancel: (() => void) | undefined;
  const listener = (silent: boolean) => {
    cancel?.();
    cancel = silent ? scheduler.after(keepAliveMs, unanswered) : undefined;
  };
  const end = target.whenSilent(listener);
  listener(target.silent);
  return () => {
    cancel?.();
    end();
  };
}
