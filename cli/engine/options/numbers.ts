// Parsers for numbers in options, and numbers as text.

import { InvalidArgumentError } from 'commander';

/** A parser for integers within bounds, decimal or hexadecimal as in nvme-cli. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`The value must be an integer from ${min} to ${max}.`);
  };
}

/** A parser for such integers with commas between them. */
export function integers(min: number, max: number): (text: string) => number[] {
  const one = integer(min, max);
  return (text) => text.split(',').map((part) => one(part.trim()));
}

/** Sizes as people write them, for messages. */
const samples = [
  [4096, '4096'],
  [2 ** 12, '4k'],
  [2 ** 20, '1M'],
  [2 ** 31, '2G'],
] as const;
const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A parser for sizes in bytes: `4096`, `4k`, `1M`, `2GiB`. Units are powers of 1024. */
export function bytes(min: number, max: number): (text: string) => number {
  return (text) => {
    const [, digits = '', unit = ''] = /^(\d+|0x[0-9a-f]+)\s*([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
    const value = digits === '' ? Number.NaN : Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN);
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const right = samples.filter(([sample]) => sample >= min && sample <= max).map(([, name]) => name);
    throw new InvalidArgumentError(
      `The value must be a size in bytes from ${min} to ${max}, such as ${right.join(', ')}.`,
    );
  };
}

/** A number in hexadecimal, with at least this many digits. */
export function hex(value: number | bigint, digits = 1): string {
  return value.toString(16).padStart(digits, '0');
}

/** A number of bytes as `1.5 MiB`. */
export function formatBytes(value: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1024 && unit < names.length - 1) {
    scaled /= 1024;
    unit++;
  }
  const digits = unit === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${Number(scaled.toFixed(digits))} ${names[unit]}`;
}
