// Keys for tests, in the formats of NVMe.

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const prefixes = { dhchap: 'DHHC-1:', tls: 'NVMeTLSkey-1:' } as const;

/** The text of a new key. @param hash the identifier of its hash, as two digits */
export function keyText(kind: keyof typeof prefixes, hash: string, bytes: number): string {
  const key = randomBytes(bytes);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(key));
  return `${prefixes[kind]}${hash}:${Buffer.concat([key, checksum]).toString('base64')}:`;
}
