// The symbols of explicit resource management.

/**
 * Where a test runner loads this package into a context of its own, as the vm pools of Vitest do, Node.js 20 and 22 have these symbols
 * outside of it only. Compilers of `using` take the registered ones then.
 */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');
