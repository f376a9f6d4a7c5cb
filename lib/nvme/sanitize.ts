// The Sanitize Status log page (NVMe base specification, log page 81h).

/** The state of the latest sanitize operation. */
export interface SanitizeLog {
  readonly state:
    | 'never-sanitized'
    | 'completed'
    | 'in-progress'
    | 'failed'
    | 'completed-with-deallocation'
    | 'reserved';
  /** How much is done, from 0 to 1. */
  readonly progress: number;
  /** Passes of an overwrite that are done. */
  readonly overwritePasses: number;
  /** No namespace was written since the device was made, or since the latest sanitize operation ended. */
  readonly globalDataErased: boolean;
  /** CDW10 of the command that began it. */
  readonly cdw10: number;
  /** How long the controller expects each action to take, in seconds; undefined if it does not say. */
  readonly estimatedSeconds: {
    readonly overwrite: number | undefined;
    readonly blockErase: number | undefined;
    readonly cryptoErase: number | undefined;
  };
}

export const sanitizePage = 0x81;
export const sanitizeBytes = 512;

const states: readonly SanitizeLog['state'][] = [
  'never-sanitized',
  'completed',
  'in-progress',
  'failed',
  'completed-with-deallocation',
];
const unknown = 0xffff_ffff;

export function decodeSanitizeLog(page: Buffer): SanitizeLog {
  const status = page.readUInt16LE(2);
  const seconds = (at: number) => {
    const value = page.readUInt32LE(at);
    return value === unknown ? undefined : value;
  };
  return Object.freeze({
    state: states[status & 7] ?? 'reserved',
    progress: page.readUInt16LE(0) / 0x1_0000,
    overwritePasses: (status >> 3) & 0x1f,
    globalDataErased: (status & 0x100) !== 0,
    cdw10: page.readUInt32LE(4),
    estimatedSeconds: Object.freeze({
      overwrite: seconds(8),
      blockErase: seconds(12),
      cryptoErase: seconds(16),
    }),
  });
}
