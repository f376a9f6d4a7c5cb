// Logs as the command line prints them, by nvme-cli's names.

import { expect, it } from 'vitest';
import {
  decodeSanitizeLog,
  decodeSelfTestLog,
  sanitizeBytes,
  selfTestBytes,
} from '../../cli/nvme/device-logs.js';
import { decodeSmartLog, smartBytes } from '../../cli/nvme/logs.js';

it('sanitize-log has the state, passes and times', () => {
  const page = Buffer.alloc(sanitizeBytes);
  page.writeUInt16LE(0x8000, 0);
  page.writeUInt16LE(0x100 | (3 << 3) | 2, 2);
  for (let i = 0; i < 7; i++) page.writeUInt32LE(10 + i, 4 + 4 * i);
  expect(decodeSanitizeLog(page)).toEqual({
    sprog: 0x8000,
    sstat: { global_erased: 1, no_cmplted_passes: 3, status: 2 },
    cdw10_info: 10,
    time_over_write: 11,
    time_block_erase: 12,
    time_crypto_erase: 13,
    time_over_write_no_dealloc: 14,
    time_block_erase_no_dealloc: 15,
    time_crypto_erase_no_dealloc: 16,
  });
});

it('self-test-log has the running test and the results, without unused entries', () => {
  const page = Buffer.alloc(selfTestBytes);
  for (let i = 0; i < 20; i++) page.writeUInt8(0xf, 4 + 28 * i);
  page.writeUInt8(2, 0);
  page.writeUInt8(42, 1);
  page.writeUInt8((1 << 4) | 7, 4);
  page.writeUInt8(5, 5);
  page.writeUInt8(0xf, 6);
  page.writeBigUInt64LE(1_000n, 8);
  page.writeUInt32LE(3, 16);
  page.writeBigUInt64LE(77n, 20);
  page.writeUInt8(2, 28);
  page.writeUInt8(0x81, 29);
  page.writeUInt8(2 << 4, 32);
  expect(decodeSelfTestLog(page)).toEqual({
    'Current Device Self-Test Operation': 2,
    'Current Device Self-Test Completion': 42,
    'List of Valid Reports': [
      {
        'Self test result': 7,
        'Self test code': 1,
        'Segment number': 5,
        'Valid Diagnostic Information': 15,
        'Power on hours': 1_000n,
        'Namespace Identifier': 3,
        'Failing LBA': 77n,
        'Status Code Type': 2,
        'Status Code': 0x81,
        'Vendor Specific': 0,
      },
      {
        'Self test result': 0,
        'Self test code': 2,
        'Segment number': 0,
        'Valid Diagnostic Information': 0,
        'Power on hours': 0n,
        'Vendor Specific': 0,
      },
    ],
  });
});

it('smart-log has the sensors that there are', () => {
  const page = Buffer.alloc(smartBytes);
  page.writeUInt16LE(310, 200);
  page.writeUInt16LE(298, 214);
  const sensors = Object.entries(decodeSmartLog(page)).filter(([name]) => name.includes('sensor'));
  expect(sensors).toEqual([
    ['temperature_sensor_1', 310],
    ['temperature_sensor_8', 298],
  ]);
});
