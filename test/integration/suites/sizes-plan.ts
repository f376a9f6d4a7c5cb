// Which lengths are transferred in which way. The full product takes minutes on an emulated processor, so the plan is
// pairwise: any two choices of different kinds meet in one of its cases. test/unit/sizes-plan.test.ts checks that.

import { pollings } from '../support/each-polling.js';

export const lengths = [
  '1 block',
  'MDTS - 1 block',
  'MDTS',
  'MDTS + 1 block',
  '16 MiB + 1 block',
  '60 MiB',
] as const;
export const depths = [2, 4, 16, 128] as const;
/** The interface, and whether the data is in DMA memory or copied through some. A batch has DMA memory only. */
export const ways = [
  'read and write, copied',
  'read and write, in place',
  'readv and writev, copied',
  'readv and writev, in place',
  'batch, in place',
] as const;

export type Length = (typeof lengths)[number];
export type Way = (typeof ways)[number];

export interface SizesCase {
  readonly way: Way;
  readonly length: Length;
  readonly depth: (typeof depths)[number];
  readonly polling: (typeof pollings)[number];
}

/** @param longest the ways in which the longest transfer is made; each of them takes seconds on the fabric */
export function sizesPlan(longest: readonly Way[] = ways): readonly SizesCase[] {
  const all = ways.flatMap((way, w) =>
    lengths.map(
      (length, l): SizesCase => ({
        way,
        length,
        depth: depths[(w + l) % depths.length] as SizesCase['depth'],
        polling: pollings[(2 * w + l) % pollings.length] as SizesCase['polling'],
      }),
    ),
  );
  return all.filter(({ way, length }) => length !== '60 MiB' || longest.includes(way));
}

/** The bytes of a length, for a controller whose commands transfer at most `mdts` bytes. */
export function bytesOf(length: Length, mdts: number, blockSize: number): number {
  switch (length) {
    case '1 block':
      return blockSize;
    case 'MDTS - 1 block':
      return mdts - blockSize;
    case 'MDTS':
      return mdts;
    case 'MDTS + 1 block':
      return mdts + blockSize;
    case '16 MiB + 1 block':
      return (16 << 20) + blockSize;
    case '60 MiB':
      return 60 << 20;
  }
}
