// What public objects show of themselves in `JSON.stringify()` and `console.log()`.

import { type InspectOptions, inspect } from 'node:util';

/**
 * Gives an object with bigints to `JSON.stringify()`, which has none: as numbers, and as strings where a number is not exact.
 * Nothing else sees the method, so that the object can be cloned.
 */
export function withJson<Shown extends object>(object: Shown): Shown {
  const toJSON = () =>
    Object.fromEntries(
      Object.entries(object).map(([name, value]) => [name, typeof value === 'bigint' ? exact(value) : value]),
    );
  return Object.defineProperty(object, 'toJSON', { value: toJSON });
}

function exact(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

/** For `[inspect.custom]` of an object whose getters the console does not show: the name of its class, and its JSON. */
export function shown(object: { toJSON(): object }, depth: number, options: InspectOptions): string {
  const { name } = object.constructor;
  return depth < 0 ? `[${name}]` : `${name} ${inspect(object.toJSON(), { ...options, depth })}`;
}
