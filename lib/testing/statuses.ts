// The statuses that a ring gives.

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
