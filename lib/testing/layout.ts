// The layout of a ring from the native side.

/** The layout of native/core/io/ring_layout.h, in words of 32 bits, from the native side. */
export const ringLayout = {
  headerWords: 32,
  commandWords: 16,
  maxSegments: 16,
  segmentWords: 3,
  pendingWord: 0,
  completedWord: 16,
  wakeWord: 17,
} as const;

/** Words of a command's slot. */
export const commandWord = {
  operation: 0,
  namespace: 1,
  blockLow: 2,
  blockHigh: 3,
  blocks: 4,
  region: 5,
  offset: 6,
  length: 7,
  blockSize: 7,
  flags: 8,
  segments: 9,
  opcode: 9,
  /** Of the namespace; a raw command's is elsewhere. */
  tag: 11,
  referenceTag: 12,
  applicationTag: 13,
  rawTag: 8,
  /** Not zero: the command was cancelled. For a raw command this is CDW10. */
  cancel: 10,
  cdw10: 10,
  /** Dword 1 of a raw command's completion. */
  resultHigh: 2,
} as const;

/** `RingLayout::Operation`. */
export const operation = {
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

/** A status word with this bit carries an errno of this host. */
export const hostError = 0x8000_0000;

/** The errnos that a ring gives. */
export const errno = {
  ENXIO: 6,
  EFAULT: 14,
  ENODEV: 19,
  EINVAL: 22,
  ERANGE: 34,
  ENOTSUP: 95,
  ECONNRESET: 104,
  ECANCELED: 125,
} as const;

/** "Command Aborted due to SQ Deletion". */
export const abortedStatus = 0x08;
/** "Command Abort Requested". */
export const abortRequestedStatus = 0x07;
