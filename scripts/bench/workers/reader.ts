// One of several worker threads: an environment and a controller of its own, read at a depth for a time.
import { parentPort, workerData } from 'node:worker_threads';
import { type Controller, Environment, type PollingMode } from '../../../lib/index.js';

/** What a reader is given. */
export interface Reading {
  readonly transportId: string;
  readonly polling: PollingMode;
  readonly depth: number;
  /** How long it reads alone before it is measured: the engine of each worker compiles code of its own. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

const blockBytes = 4096;

async function readFor(
  environment: Environment,
  controller: Controller,
  depth: number,
  seconds: number,
): Promise<number> {
  const [namespace] = controller.namespaces;
  if (!namespace) throw new Error('the controller has no namespace');
  const blocks = Math.floor(namespace.bytes / blockBytes);
  const end = performance.now() + seconds * 1_000;
  let reads = 0;
  const readOn = async (lane: number) => {
    const buffer = environment.allocate(blockBytes);
    for (let block = lane; performance.now() < end; block = (block + depth) % blocks) {
      await namespace.read(buffer, { offset: block * blockBytes });
      reads++;
    }
    buffer.release();
  };
  await Promise.all(Array.from({ length: depth }, (_, lane) => readOn(lane)));
  return reads;
}

const { transportId, polling, depth, warmUpSeconds, seconds } = workerData as Reading;
const environment = await Environment.init({ memoryMb: 64 });
const controller = await environment.attach(transportId, { polling });
await readFor(environment, controller, depth, warmUpSeconds);
parentPort?.postMessage('attached');
parentPort?.once('message', async () => {
  parentPort?.postMessage(await readFor(environment, controller, depth, seconds));
  await environment.close();
});
