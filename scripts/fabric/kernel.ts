// The kernel inside a bzImage.

import { readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { FabricError } from './errors.js';

/** Offsets in a bzImage's set-up header (Linux x86 boot protocol 2.08 and later). */
const SETUP_SECTORS = 0x1f1;
const HEADER_MAGIC = 0x202;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR_BYTES = 512;

const DECOMPRESSORS = [
  { magic: 'fd377a585a00', command: ['xz', '--decompress', '--stdout', '--single-stream'] },
  { magic: '28b52ffd', command: ['zstd', '--decompress', '--stdout', '--quiet'] },
  { magic: '1f8b08', command: ['gzip', '--decompress', '--stdout'] },
] as const;

/** The compressed kernel inside a bzImage and the command that unpacks it. */
export function kernelPayload(image: Buffer): { payload: Buffer; decompress: readonly string[] } {
  if (image.length < 0x250 || image.toString('latin1', HEADER_MAGIC, HEADER_MAGIC + 4) !== 'HdrS') {
    throw new FabricError('The kernel package contains no bzImage');
  }
  const start = ((image[SETUP_SECTORS] || 4) + 1) * SECTOR_BYTES + image.readUInt32LE(PAYLOAD_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH));
  const magic = payload.toString('hex', 0, 6);
  const found = DECOMPRESSORS.find((d) => magic.startsWith(d.magic));
  if (!found) throw new FabricError(`The kernel has an unknown compression (it starts with ${magic})`);
  return { payload, decompress: found.command };
}

/** Unpacks the kernel once on the host; the emulated processor would need four seconds more at each boot. */
export async function unpackKernel(bzImage: string, vmlinux: string): Promise<void> {
  const { payload, decompress } = kernelPayload(await readFile(bzImage));
  const [program, ...args] = decompress;
  // The payload ends with the kernel's size, about which the tools warn, so the output is checked instead of the status.
  const { stdout } = await execa(program as string, args, {
    input: payload,
    encoding: 'buffer',
    reject: false,
    maxBuffer: 512 * 1024 * 1024,
  });
  if (Buffer.from(stdout.subarray(0, 4)).toString('latin1') !== '\x7fELF') {
    throw new FabricError(
      `Cannot unpack the kernel with ${program}: is it installed? (apt-get install xz-utils zstd)`,
    );
  }
  await writeFile(vmlinux, stdout);
}
