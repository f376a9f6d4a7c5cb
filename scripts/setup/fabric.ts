import { prepareFabric } from '../fabric/prepare.js';
import type { Reporter, Step } from './step.js';

class NotPrepared extends Error {}

export const fabric: Step = {
  title: 'Soft-RoCE fabric',

  /** Preparing says what it is about to do before doing it; refusing there leaves the question answered. */
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
