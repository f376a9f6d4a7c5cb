/** A number of a data structure, little-endian: its name in nvme-cli's JSON, its offset and its length in bytes. */
export type Field = readonly [name: string, offset: number, bytes: 1 | 2 | 3 | 4 | 6 | 8 | 16];

/** Reads the numbers of a structure, in the order of the list. Numbers of more than 6 bytes are bigint. */
export function readFields(data: Buffer, fields: readonly Field[]): Record<string, number | bigint> {
  return Object.fromEntries(fields.map(([name, offset, bytes]) => [name, readNumber(data, offset, bytes)]));
}

export function readNumber(data: Buffer, offset: number, bytes: number): number | bigint {
  if (bytes <= 6) return data.readUIntLE(offset, bytes);
  const low = data.readBigUInt64LE(offset);
  return bytes === 8 ? low : low | (data.readBigUInt64LE(offset + 8) << 64n);
}

/** A field of text: ASCII, padded with spaces or ended by NUL. */
export function readText(data: Buffer, offset: number, bytes: number): string {
  const text = data.toString('latin1', offset, offset + bytes);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** 32 hexadecimal digits in the form of a UUID. */
export function hyphenated(digits: string): string {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
