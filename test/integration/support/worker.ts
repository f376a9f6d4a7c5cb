import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { childFile, type Step, taskFor } from './task.js';

export interface StartedWorker {
  /** The step that the worker has reached, or the reason why it has not. */
  readonly message: { readonly at: Step } | { readonly code: string; readonly text: string };
  /** Resolves with the worker's exit code when it has ended for any reason. */
  readonly ended: Promise<number>;
  terminate(): Promise<number>;
}

/**
 * Starts a worker and waits until it has come as far as a step.
 * @param stay whether it stays until it is terminated, instead of ending when it has nothing left to do
 */
export async function startWorker(step: Step, stay = false): Promise<StartedWorker> {
  const worker = new Worker(childFile('worker.mjs'), { workerData: { ...taskFor(step), stay } });
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve));
  const [message] = await once(worker, 'message');
  return { message, ended, terminate: () => worker.terminate() };
}
