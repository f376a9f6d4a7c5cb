// A step of the set-up that is made elsewhere.

import type { Step } from './step.js';

class NotPrepared extends Error {}

/** @param prepare announces each action before it takes it: rejecting it there shows whether there is something to do */
export function prepared(title: string, prepare: (report: (line: string) => void) => Promise<void>): Step {
  return {
    title,

    async upToDate() {
      try {
        await prepare(() => {
          throw new NotPrepared();
        });
        return true;
      } catch {
        return false;
      }
    },

    run: ({ report }) => prepare(report),
  };
}
