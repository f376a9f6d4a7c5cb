// The memory of a queue pair’s commands and completions, which both sides share, in words of 32 bits. native/core/io/ring_layout.h
// describes it; test/unit/ring-layout.test.ts compares this file with that one.

/** The header and the parts that follow it. */
export const ringLayout = {
  headerWords: 32,
  commandWords: 16,
  maxSegments: 16,
  segmentWords: 3,
  pendingWord: 0,
  cancelsWord: 1,
  completedWord: 16,
  wakeWord: 17,
} as const;

/** Where the parts of a ring with this many slots begin. */
export function partsOfRing(slots: number) {
  const { headerWords, commandWords, maxSegments, segmentWords } = ringLayout;
  const submissions = headerWords;
  const completions = submissions + slots;
  const statuses = completions + slots;
  const results = statuses + slots;
  const commands = results + slots;
  const segments = commands + slots * commandWords;
  const end = segments + slots * maxSegments * segmentWords;
  return { submissions, completions, statuses, results, commands, segments, end };
}

/** Words of a command’s slot. */
export const commandWord = {
  operation: 0,
  namespace: 1,
  blockLow: 2,
  blockHigh: 3,
  blocks: 4,
  region: 5,
  offset: 6,
  blockSize: 7,
  flags: 8,
  segments: 9,
  cancel: 10,
  tag: 11,
  referenceTag: 12,
  applicationTag: 13,
  // For raw commands.
  rawCancel: 3,
  length: 7,
  rawTag: 8,
  opcode: 9,
  cdw10: 10,
  resultHigh: 2,
} as const;

/** The operations of commands. */
export const ioOpcodes = {
  flush: 0,
  write: 1,
  read: 2,
  writeUncorrectable: 4,
  compare: 5,
  writeZeroes: 8,
  deallocate: 9,
  verify: 12,
  compareAndWrite: 254,
  raw: 255,
} as const;
