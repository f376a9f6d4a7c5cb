// A thread that only sleeps: it wakes up late when the process does not run at all.

import { workerData } from 'node:worker_threads';

const { shared, everyMs } = workerData;
/** When this thread woke up last, and the longest time between two such times since the last look. In nanoseconds. */
const beat = new BigInt64Array(shared);
const never = new Int32Array(new SharedArrayBuffer(4));
for (let last = process.hrtime.bigint(); ; ) {
  Atomics.wait(never, 0, 0, everyMs);
  const now = process.hrtime.bigint();
  if (now - last > Atomics.load(beat, 1)) Atomics.store(beat, 1, now - last);
  Atomics.store(beat, 0, now);
  last = now;
}
