// The number of a block in a command: 64 bits in two dwords, the lower one first.

export function blockDwords(block: number): [low: number, high: number] {
  return [block % 2 ** 32, Math.floor(block / 2 ** 32)];
}
