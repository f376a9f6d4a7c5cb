// Blocks beyond 2^32, which no disk in memory has: their number is in two dwords of each command.

import { expect, it } from 'vitest';
import { copyCommand } from '../../lib/io/copy.js';
import { appendDwords, reportDwords, sendDwords } from '../../lib/nvme/zones.js';

const block = 5 * 2 ** 32 + 7;

it.each([
  ['copy', copyCommand(block, 1, 0).dwords],
  ['zone append', appendDwords(block, 1, 0)],
  ['zone management send', sendDwords(1, block)],
  ['zone management receive', reportDwords(block, 4096, undefined, false)],
])('%s has the lower dword first', (_, dwords) => {
  expect(dwords.slice(0, 2)).toEqual([7, 5]);
});
