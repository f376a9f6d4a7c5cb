// The logs of sanitize operations and self-tests, as nvme-cli shows them.

import { type Field, readFields, readNumber } from './fields.js';

// NVM Express Base Specification, "Sanitize Status log page"; the names are nvme-cli's.
const sanitize: readonly Field[] = [
  ['sprog', 0, 2],
  ['sstat', 2, 2],
  ['cdw10_info', 4, 4],
  ['time_over_write', 8, 4],
  ['time_block_erase', 12, 4],
  ['time_crypto_erase', 16, 4],
  ['time_over_write_no_dealloc', 20, 4],
  ['time_block_erase_no_dealloc', 24, 4],
  ['time_crypto_erase_no_dealloc', 28, 4],
];
export const sanitizeBytes = 512;
const globalErased = 0x100;

export function decodeSanitizeLog(page: Buffer): Record<string, unknown> {
  const { sprog, sstat, ...rest } = readFields(page, sanitize);
  const status = Number(sstat);
  return {
    sprog,
    sstat: {
      global_erased: status & globalErased ? 1 : 0,
      no_cmplted_passes: (status >> 3) & 0x1f,
      status: status & 7,
    },
    ...rest,
  };
}

// "Device Self-test log page".
export const selfTestBytes = 564;
const resultsAt = 4;
const resultBytes = 28;
const unused = 0xf;

export function decodeSelfTestLog(page: Buffer): Record<string, unknown> {
  const reports: Record<string, unknown>[] = [];
  for (let at = resultsAt; at + resultBytes <= page.length; at += resultBytes) {
    const status = page.readUInt8(at);
    const result = status & 0xf;
    if (result === unused) continue;
    const valid = page.readUInt8(at + 2);
    reports.push({
      'Self test result': result,
      'Self test code': status >> 4,
      'Segment number': page.readUInt8(at + 1),
      'Valid Diagnostic Information': valid,
      'Power on hours': readNumber(page, at + 4, 8),
      ...(valid & 1 && { 'Namespace Identifier': page.readUInt32LE(at + 12) }),
      ...(valid & 2 && { 'Failing LBA': readNumber(page, at + 16, 8) }),
      ...(valid & 4 && { 'Status Code Type': page.readUInt8(at + 24) & 7 }),
      ...(valid & 8 && { 'Status Code': page.readUInt8(at + 25) }),
      'Vendor Specific': page.readUInt16LE(at + 26),
    });
  }
  return {
    'Current Device Self-Test Operation': page.readUInt8(0) & 0xf,
    'Current Device Self-Test Completion': page.readUInt8(1) & 0x7f,
    'List of Valid Reports': reports,
  };
}
