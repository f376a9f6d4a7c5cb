// Properties of targets in memory that tests may set. Each value is checked like an option, so that a typing error
// cannot make a test pass.

import { isUint8Array } from 'node:util/types';
import { isSpdkErrorCode } from '../errors/catalogue.js';
import { SpdkTypeError } from '../errors/spdk-error.js';
import { checkInteger, checkString, describe, reading, readOptions } from '../options/arguments.js';
import { invalid, maxTimerMs } from '../options/common.js';

/** Gives the value that a property has from then on, or throws. */
type Check<Value> = (value: unknown, name: string) => Value;

/** From now on these properties check what they are set to. */
export function checkWhenSet<Owner extends object>(
  owner: Owner,
  checks: { readonly [Name in keyof Owner]?: Check<Owner[Name]> },
): void {
  for (const [name, check] of Object.entries(checks) as [keyof Owner & string, Check<never>][]) {
    let current: unknown = owner[name];
    Object.defineProperty(owner, name, {
      ...{ configurable: true, enumerable: true },
      get: () => current,
      set: (value: unknown) => {
        current = check(value, name);
      },
    });
  }
}

/** A whole number. */
export function whole(min: number, max: number, unit?: string): Check<number> {
  return (value, name) => checkInteger(value, name, min, max, unit);
}

/** A time that a timer can wait. */
export const milliseconds = whole(0, maxTimerMs, 'milliseconds');

/** Text of at most `max` bytes, in a field of a fixed length. */
export function text(max: number): Check<string> {
  return (value, name) => {
    const given = checkString(value, name);
    if (Buffer.byteLength(given) <= max) return given;
    return invalid(`${name} must have at most ${max} bytes; got ${describe(given)}`);
  };
}

/** An array of at most `max` elements, copied. */
export function listOf<Item>(max: number, check: Check<Item>): Check<readonly Item[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw new SpdkTypeError(`${name} must be an array; got ${describe(value)}`);
    const count = checkInteger(value.length, `the length of ${name}`, 0, max);
    const items = reading(name, () => Array.from({ length: count }, (_, i) => value[i] as unknown));
    return Object.freeze(items.map((item, i) => check(item, `${name}[${i}]`)));
  };
}

/** A plain object with some of these keys, copied. */
export function fields<Shape extends object>(
  checks: {
    readonly [Key in keyof Shape]-?: Check<NonNullable<Shape[Key]>>;
  },
): Check<Shape> {
  return (value, name) => {
    if (value === undefined) throw new SpdkTypeError(`${name} must be an object; got undefined`);
    const given = readOptions(value, name, Object.keys(checks) as (keyof Shape & string)[]);
    const checked = [...given].map(([key, field]) => [key, checks[key](field, `${name}.${key}`)]);
    return Object.freeze(Object.fromEntries(checked)) as Shape;
  };
}

/** As many bytes as `count` returns at the time of the check. */
export function bytes(count: () => number): Check<Uint8Array> {
  return (value, name) => {
    if (!isUint8Array(value)) throw new SpdkTypeError(`${name} must be a Uint8Array; got ${describe(value)}`);
    if (value.byteLength !== count()) invalid(`${name} must have ${count()} bytes; got ${value.byteLength}`);
    return value;
  };
}

export function errorCode(value: unknown, name: string) {
  if (isSpdkErrorCode(value)) return value;
  return invalid(`${name} must be one of the codes of errorCatalogue; got ${describe(value)}`);
}
