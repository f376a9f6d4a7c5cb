// What the tests of transfers share.

import type { SpdkError } from '../../../lib/index.js';
import { FakeController, FakeMemory } from './fake.js';

export const MiB = 1 << 20;

export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: SpdkError) => error.code ?? String(error),
  );

/** Waits until promises have settled and commands are published. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

export function setUp(options: ConstructorParameters<typeof FakeController>[1] = {}, dmaBytes = 64 * MiB) {
  const memory = new FakeMemory(dmaBytes);
  const fake = new FakeController(memory, options);
  return { memory, fake, ns: fake.ns, pair: fake.pair, queuePair: fake.controller.queuePairs[0] };
}
