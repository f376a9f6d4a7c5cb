import { prepareFabric } from '../fabric/prepare.js';
import type { Reporter, Step } from './step.js';

class NotPrepared extends Error {}

export const fabric: Step = {
  title: 'Soft-RoCE fabric',

  /** Preparing announces each action first; rejecting it there shows whether there is something to do. */
  async upToDate() {
    try {
      await prepareFabric(() => {
        throw new NotPrepared();
      });
      return true;
    } catch {
      return false;
    }
  },

  run({ report }: Reporter) {
    return prepareFabric(report);
  },
};
