// An async generator that can be left while it waits.

import { asyncDispose } from './disposal.js';

/**
 * A generator carries out its calls one after the other: `return()` during a `next()` would wait for whatever that waits for. This one
 * first calls `leave`, which is to end that; the generator then returns. Also for `await using`, where Node.js has none for generators.
 */
export function leavable<Value>(
  generator: AsyncGenerator<Value, void, undefined>,
  leave: () => void,
): AsyncGenerator<Value, void, undefined> {
  const { return: end, throw: fail } = generator;
  const left: Pick<typeof generator, 'return' | 'throw' | typeof asyncDispose> = {
    return(value) {
      leave();
      return end.call(generator, value);
    },
    throw(error) {
      leave();
      return fail.call(generator, error);
    },
    async [asyncDispose]() {
      await generator.return();
    },
  };
  return Object.defineProperties(generator, {
    return: { value: left.return },
    throw: { value: left.throw },
    [asyncDispose]: { value: left[asyncDispose] },
  });
}
