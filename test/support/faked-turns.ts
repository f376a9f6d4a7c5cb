// For tests whose fake timers are to hold up the turns of the event loop, too.

import { eventLoop } from '../../lib/internal/event-loop.js';

eventLoop.setImmediate = ((...given: Parameters<typeof setImmediate>) =>
  setImmediate(...given)) as typeof setImmediate;
eventLoop.clearImmediate = (turn) => clearImmediate(turn);
