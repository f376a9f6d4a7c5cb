import { describe, expect, it } from 'vitest';
import { nvmeStatus, nvmeStatusName } from '../../lib/errors/nvme-status.js';

describe('nvmeStatusName', () => {
  it.each([
    [0, 0x00, 'Successful Completion'],
    [0, 0x02, 'Invalid Field in Command'],
    [0, 0x07, 'Command Abort Requested'],
    [0, 0x80, 'LBA Out of Range'],
    [1, 0x01, 'Invalid Queue Identifier'],
    [1, 0x82, 'Attempted Write to Read Only Range'],
    [2, 0x81, 'Unrecovered Read Error'],
    [2, 0x85, 'Compare Failure'],
    [3, 0x02, 'Asymmetric Access Inaccessible'],
    [3, 0x71, 'Command Aborted By Host'],
  ])('%d/%d is %s', (sct, sc, name) => {
    expect(nvmeStatusName(sct, sc)).toBe(name);
  });

  it.each([
    [0x80, 'Connect Incompatible Format'],
    [0x81, 'Connect Controller Busy'],
    [0x82, 'Connect Invalid Parameters'],
    [0x83, 'Connect Restart Discovery'],
    [0x84, 'Connect Invalid Host'],
    [0x91, 'Authentication Required'],
  ])('1/%d is %s for a Fabrics command', (sc, name) => {
    expect(nvmeStatusName(1, sc, 'fabrics')).toBe(name);
  });

  it('gives Fabrics commands the common meaning of codes under 80h and of other types', () => {
    expect(nvmeStatusName(1, 0x02, 'fabrics')).toBe('Invalid Queue Size');
    expect(nvmeStatusName(0, 0x18, 'fabrics')).toBe('Host Identifier Inconsistent Format');
  });

  it('describes what the specification does not name, as it writes numbers', () => {
    expect(nvmeStatusName(0, 0x7f)).toBe('Generic Status 0h/7Fh');
    expect(nvmeStatusName(1, 0xc1)).toBe('Vendor Specific Command Specific Status 1h/C1h');
    expect(nvmeStatusName(5, 0x10)).toBe('Reserved Status 5h/10h');
    expect(nvmeStatusName(7, 0xc0)).toBe('Vendor Specific Status 7h/C0h');
  });

  it('has a name for every status that a completion can carry of its own', () => {
    for (const context of ['nvm', 'fabrics'] as const) {
      const names = new Set<string>();
      for (let sct = 0; sct < 8; sct++) {
        for (let sc = 0; sc < 256; sc++) names.add(nvmeStatusName(sct, sc, context));
      }
      expect(names.size, context).toBe(8 * 256);
      for (const name of names) expect(name).toMatch(/^[A-Z][\x20-\x7e]+$/);
    }
  });
});

describe('nvmeStatus', () => {
  it('is frozen and holds the fields with the name', () => {
    const status = nvmeStatus(1, 0x84, true, 'fabrics');
    expect(status).toEqual({ sct: 1, sc: 0x84, dnr: true, name: 'Connect Invalid Host' });
    expect(Object.isFrozen(status)).toBe(true);
  });
});
