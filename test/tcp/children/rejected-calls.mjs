// A worker that is inside a native call, which is about to throw, nearly all the time.

import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';

const addon = createRequire(import.meta.url)('../../../build/Release/spdk_nvme.node');
parentPort?.postMessage('ready');
for (;;) {
  try {
    addon.open({});
  } catch {
    // That it throws is the point.
  }
}
