// Random texts of any characters.

import fc from 'fast-check';

/** The first half of a surrogate pair, and how many halves there are: no characters of their own. */
const halves = { first: 0xd800, count: 0x800 };

/** Any character. What fast-check has for that, the unit `binary`, makes a table of all characters first, which takes seconds. */
const character = fc
  .nat(0x10_ffff - halves.count)
  .map((i) => String.fromCodePoint(i < halves.first ? i : i + halves.count), numberOf);

/** Its number, by which fast-check knows that texts of its own choice, such as `__proto__`, are of these characters. */
function numberOf(text: unknown): number {
  const [code = -1, ...others] =
    typeof text === 'string' ? Array.from(text, (one) => one.codePointAt(0)) : [];
  const afterFirst = code - halves.first;
  if (code < 0 || others.length > 0 || (afterFirst >= 0 && afterFirst < halves.count))
    throw new TypeError('not a character');
  return afterFirst < 0 ? code : code - halves.count;
}

/** Any text without single halves of surrogate pairs. */
export function anyText(limits: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.string({ ...limits, unit: character });
}
