// Random options.

import fc from 'fast-check';
import { anyText } from './any-text.js';

/** Numbers at the limits of options, and values that only look like numbers. */
const edges = [
  ...[0, -0, 1, -1, 2, 63, 64, 65, 999, 1_000, 1_024, 65_535, 65_536, 32_768, 100_000, 1_048_576],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 0.5, 1e300, Number.NaN],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE],
];

/** Objects that run code when they are read. */
const hostile: fc.Arbitrary<unknown> = fc
  .constantFrom<() => unknown>(
    () =>
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('trap');
          },
          ownKeys: () => {
            throw new Error('trap');
          },
        },
      ),
    () => ({
      get timeoutMs() {
        throw new Error('getter');
      },
    }),
    () => ({
      [Symbol.toPrimitive]: () => {
        throw new Error('conversion');
      },
    }),
    () => new (class Options {})(),
    () => new AbortController().signal,
    () => Object.create(null) as object,
    () => Symbol('symbol'),
    () => () => {},
    () => new Uint8Array(8),
  )
  .map((make) => make());

/** Any value at all. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...edges),
  anyText({ maxLength: 80 }),
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withTypedArray: true,
  }),
  hostile,
);

/** An options object. Its keys are known, misspelt or unknown; each has a good value or an arbitrary one. */
export function optionsWith(good: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const fields = Object.entries(good).map(([key, arbitrary]) => [
    key,
    fc.oneof(arbitrary, arbitrary, anyValue),
  ]);
  const known = fc.record(Object.fromEntries(fields), { requiredKeys: [] });
  const misspelt = fc.constantFrom(...Object.keys(good)).chain((key) => misspellings(key));
  const stranger = fc
    .tuple(fc.oneof(misspelt, fc.string()), anyValue)
    .map(([key, value]) => Object.fromEntries([[key, value]]));
  return fc.oneof(
    { weight: 6, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, stranger).map(([one, other]) => ({ ...one, ...other })) },
    { weight: 1, arbitrary: anyValue },
  );
}

/** A text in which one letter was changed, removed or doubled. */
export function misspellings(text: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(text.length), anyText({ maxLength: 2 }), fc.nat(2))
    .map(([at, inserted, lost]) => text.slice(0, at) + inserted + text.slice(at + lost));
}
