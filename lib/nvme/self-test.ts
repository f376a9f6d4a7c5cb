// The Device Self-test log page (NVMe base specification, log page 06h).

import { withJson } from '../internal/shown.js';

/** A device self-test that has ended. In JSON without bigints, as `SmartLog`. */
export interface SelfTestResult {
  /** How it ended. */
  readonly result:
    | 'passed'
    | 'aborted'
    | 'aborted-by-reset'
    | 'aborted-by-namespace-removal'
    | 'aborted-by-format'
    | 'fatal-error'
    | 'failed'
    | 'failed-segments'
    | 'aborted-unknown'
    | 'aborted-by-sanitize'
    | 'reserved';
  /** Which test: `short`, `extended`, or the code of another one. */
  readonly test: 'short' | 'extended' | number;
  /** The first segment that failed; 0 for none. */
  readonly segment: number;
  readonly powerOnHours: bigint;
  /** The namespace and the block that failed; undefined where they are not known. */
  readonly nsid: number | undefined;
  readonly failingBlock: bigint | undefined;
}

/** The device self-test that is running, and the latest results. */
export interface SelfTestLog {
  /** Undefined while none is running. */
  readonly running: 'short' | 'extended' | number | undefined;
  /** How much of it is done, in per cent. */
  readonly completedPercent: number;
  /** The newest first; up to 20. */
  readonly results: readonly SelfTestResult[];
}

export const selfTestPage = 0x06;
export const selfTestBytes = 564;
const resultBytes = 28;
const unused = 0xf;

const resultNames: readonly SelfTestResult['result'][] = [
  'passed',
  'aborted',
  'aborted-by-reset',
  'aborted-by-namespace-removal',
  'aborted-by-format',
  'fatal-error',
  'failed',
  'failed-segments',
  'aborted-unknown',
  'aborted-by-sanitize',
];

/** The codes of the tests that this package names, and that of an abort. */
export const selfTestCodes = { short: 1, extended: 2, abort: 0xf } as const;

function testOf(code: number): 'short' | 'extended' | number {
  return code === selfTestCodes.short ? 'short' : code === selfTestCodes.extended ? 'extended' : code;
}

export function decodeSelfTestLog(page: Buffer): SelfTestLog {
  const running = page.readUInt8(0) & 0xf;
  const results: SelfTestResult[] = [];
  for (let at = 4; at + resultBytes <= page.length; at += resultBytes) {
    const status = page.readUInt8(at);
    if ((status & 0xf) === unused) continue;
    const valid = page.readUInt8(at + 2);
    const result = {
      result: resultNames[status & 0xf] ?? 'reserved',
      test: testOf(status >> 4),
      segment: page.readUInt8(at + 1),
      powerOnHours: page.readBigUInt64LE(at + 4),
      nsid: valid & 1 ? page.readUInt32LE(at + 12) : undefined,
      failingBlock: valid & 2 ? page.readBigUInt64LE(at + 16) : undefined,
    };
    results.push(Object.freeze(withJson(result)));
  }
  return Object.freeze({
    running: running === 0 ? undefined : testOf(running),
    completedPercent: running === 0 ? 0 : page.readUInt8(1) & 0x7f,
    results: Object.freeze(results),
  });
}
