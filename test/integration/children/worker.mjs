// A worker that goes as far as `workerData` says, reports that, and does not end by itself.
import { parentPort, workerData } from 'node:worker_threads';
import { reach } from './steps.mjs';

try {
  await reach(workerData);
  parentPort?.postMessage({ at: workerData.step });
  // A port that is listened to keeps its worker alive.
  if (workerData.stay) parentPort?.on('message', () => {});
} catch (error) {
  parentPort?.postMessage({ code: /** @type {{ code?: string }} */ (error).code, text: String(error) });
}
