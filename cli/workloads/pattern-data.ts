/** Fills data so that each block of 512 bytes says where it belongs and which run wrote it. */
const stampEvery = 512;

export function stamp(data: Buffer, offset: number, run: number): void {
  for (let at = 0; at + 16 <= data.length; at += stampEvery) {
    data.writeBigUInt64LE(BigInt(offset + at), at);
    data.writeBigUInt64LE(BigInt(run) ^ 0x5bd1_e995_7b7d_159bn, at + 8);
  }
}

/** Where data differ from what {@link stamp} wrote; undefined where they do not. */
export function mismatchAt(data: Buffer, offset: number, run: number): number | undefined {
  for (let at = 0; at + 16 <= data.length; at += stampEvery) {
    const right =
      data.readBigUInt64LE(at) === BigInt(offset + at) &&
      data.readBigUInt64LE(at + 8) === (BigInt(run) ^ 0x5bd1_e995_7b7d_159bn);
    if (!right) return offset + at;
  }
  return undefined;
}
