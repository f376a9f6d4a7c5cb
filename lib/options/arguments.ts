// How arguments and options objects are read and checked, and how messages name bad ones.

import { isProxy } from 'node:util/types';
import type { SpdkErrorCode } from '../errors/catalogue.js';
import { capitalise, SpdkError, SpdkTypeError } from '../errors/spdk-error.js';

/**
 * Reads a caller's options object once, so that getters and proxies cannot return another value after the check.
 *
 * Only own enumerable string keys count. `undefined` means "not given". An instance of a class is rejected, because its
 * inherited accessors would silently be ignored.
 *
 * @param value the caller's argument; undefined means no options
 * @param what the name of the object in messages, as in 'attach options'
 * @param keys the keys that are allowed
 * @param unknownKeyCode the code of the error for any other key
 * @throws {SpdkTypeError} not a plain object
 * @throws {SpdkError} an unknown key, or a getter or proxy trap that threw (its error is the cause)
 */
export function readOptions<Key extends string>(
  value: unknown,
  what: string,
  keys: readonly Key[],
  unknownKeyCode: SpdkErrorCode = 'ERR_SPDK_UNKNOWN_OPTION',
): ReadonlyMap<Key, unknown> {
  if (value === undefined) return new Map();
  try {
    if (!isPlainObject(value)) {
      const isInstance = typeof value === 'object' && value !== null && !isArray(value);
      const got = isInstance
        ? 'an instance of a class; pass a copy of it, as in { ...options }'
        : describe(value);
      throw new SpdkTypeError(`${capitalise(what)} must be a plain object; got ${got}`);
    }
    const given = new Map<Key, unknown>();
    for (const key of Object.keys(value)) {
      if (!includes(keys, key)) {
        throw new SpdkError(unknownKeyCode, `Unknown key ${describe(key)} in ${what}; ${suggest(key, keys)}`);
      }
      const option = value[key];
      if (option !== undefined) given.set(key, option);
    }
    return given;
  } catch (error) {
    if (error instanceof SpdkError || error instanceof SpdkTypeError) throw error;
    throw unreadable(`the ${what}`, error);
  }
}

/** What {@link readOptions} has read, as an object that inherits nothing: a program may have added properties to Object.prototype. */
export function fieldsOf<Key extends string>(
  given: ReadonlyMap<Key, unknown>,
): Partial<Record<Key, unknown>> {
  return Object.assign(Object.create(null), Object.fromEntries(given));
}

/** Reads from an object of the caller's, whose getters and proxies may do anything. */
export function reading<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw unreadable(what, cause);
  }
}

/**
 * Copies up to `max` + 1 elements of an array of the caller's; undefined if it is none. It is read once, so that the checked
 * values are those that are used.
 */
export function listIn(value: unknown, what: string, max: number): unknown[] | undefined {
  return reading(what, () => {
    if (!Array.isArray(value)) return undefined;
    // A proxy of an array may claim billions.
    return Array.from({ length: Math.min(value.length, max + 1) }, (_, i) => value[i] as unknown);
  });
}

export function unreadable(what: string, cause: unknown): SpdkError {
  return new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `Reading ${what} threw an error; see its cause`, {
    cause,
  });
}

/**
 * A whole number within a range.
 * @param unit what the number counts, for the message, as in 'milliseconds'
 */
export function checkInteger(value: unknown, name: string, min: number, max: number, unit?: string): number {
  if (typeof value !== 'number') {
    throw new SpdkTypeError(`${name} must be a number; got ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    const range = `a whole number${unit ? ` of ${unit}` : ''} from ${min} to ${max}`;
    throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `${name} must be ${range}; got ${value}`);
  }
  return value === 0 ? 0 : value; // no negative zero
}

/** Checks that a number of bytes is within a range and a multiple of another number. */
export function checkMultiple(value: unknown, name: string, of: number, min: number, max: number): number {
  const bytes = checkInteger(value, name, min, max, 'bytes');
  if (bytes % of === 0) return bytes;
  throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', `${name} must be a multiple of ${of}; got ${bytes}`);
}

/** Checks that a value is one of a few strings. */
export function checkOneOf<Choice extends string>(
  value: unknown,
  name: string,
  choices: readonly Choice[],
): Choice {
  const text = checkString(value, name);
  if (!includes(choices, text)) {
    throw new SpdkError(
      'ERR_SPDK_INVALID_ARG_VALUE',
      `${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}; got ${describe(text)}`,
    );
  }
  return text;
}

export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean')
    throw new SpdkTypeError(`${name} must be a boolean; got ${describe(value)}`);
  return value;
}

/** Checks that a value is a string; the caller checks its content. */
export function checkString(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new SpdkTypeError(`${name} must be a string; got ${describe(value)}`);
  return value;
}

/**
 * The error for a value that is none of this package's objects of a class. A proxy of one is none, and neither is one of another copy of
 * the package, though both look like it.
 * @param requirement what it must be, as in 'watch must be one of env.watchDiscovery()'
 * @param types the classes that it may be of
 */
export function notOne(
  requirement: string,
  value: unknown,
  ...types: readonly { readonly name: string }[]
): SpdkTypeError {
  return new SpdkTypeError(`${requirement}; got ${describe(value)}${likeness(value, types)}`);
}

function likeness(value: unknown, types: readonly { readonly name: string }[]): string {
  if (isProxy(value)) return ' that is a proxy: pass the object itself';
  try {
    const { name } = (value as object).constructor;
    if (!types.some((type) => type.name === name)) return '';
    return ` of a class ${name} that is not this one: install one copy of the package, and have no bundler copy a part of it`;
  } catch {
    return '';
  }
}

/** The error for a method that is called on something that only looks like an object of this package, or on something else. */
export function notItself(what: string): SpdkTypeError {
  return new SpdkTypeError(
    `The method was called on a proxy or a copy of a ${what}, or on something else: call it on the ${what} itself`,
  );
}

/** A value for a message: short, on one line, and without running code of the caller. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 64 ? `${quote(value.slice(0, 64))}…` : quote(value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return isArray(value) ? 'an array' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/**
 * A text in quotes, without characters that affect a log or a terminal: JSON escapes lone surrogates and most control
 * characters, but not DEL, the controls above it, line separators, and direction marks.
 */
function quote(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** A suggestion for an unknown key: the nearest valid one, or all of them if none is near. */
export function suggest(key: string, valid: readonly string[]): string {
  // Limited, because the time is proportional to both lengths.
  const typed = key.slice(0, 32).toLowerCase();
  const ranked = valid
    .map((name) => ({ name, distance: nearness(typed, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [nearest] = ranked;
  if (nearest && nearest.distance <= Math.max(2, nearest.name.length / 3)) {
    return `did you mean '${nearest.name}'?`;
  }
  return `the keys are ${valid.join(', ')}`;
}

/** Edit distance, except that a key without its end (`timeout` for `timeoutMs`) is as near as a typing error. */
function nearness(typed: string, name: string): number {
  // The words differ only in the case of letters.
  if (typed === name) return 0;
  if (typed.length >= 3 && (name.startsWith(typed) || typed.startsWith(name))) return 1;
  return editDistance(typed, name);
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const deletion = (previous[column] ?? 0) + 1;
      const insertion = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(substitution, deletion, insertion));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Object.prototype of any realm is the one whose own prototype is null.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Array.isArray that does not throw for a revoked proxy. */
function isArray(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function includes<Item extends string>(items: readonly Item[], item: string): item is Item {
  return (items as readonly string[]).includes(item);
}
