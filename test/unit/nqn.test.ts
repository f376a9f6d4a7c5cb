import { describe, expect, it } from 'vitest';
import { checkNqn, discoveryNqn, isUuid, nqnMaxBytes, uuidOfNqn } from '../../lib/options/nqn.js';
import { expectCode, thrownBy } from './coded.js';
import { Random } from './random.js';

const prefix = 'nqn.2016-06.io.spdk:';
const uuidNqn = 'nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555';

describe('checkNqn', () => {
  it.each([
    'nqn.2016-06.io.spdk:cnode1',
    uuidNqn,
    uuidNqn.replace('1111', 'AbCd'),
    discoveryNqn,
    'nqn.1988-11.com.dell:powerstore:00:aabbcc',
    'nqn.2016-06.io.under_score:x',
    'nqn.2016-06.io.spdk:Ünïcode-存储-💾',
    prefix + 'x'.repeat(nqnMaxBytes - prefix.length),
    `${prefix}${'é'.repeat((nqnMaxBytes - prefix.length - 1) / 2)}x`,
  ])('takes %j unchanged', (nqn) => {
    expect(checkNqn(nqn, 'subnqn')).toBe(nqn);
  });

  it.each([
    ['', /nqn\.yyyy-mm/],
    ['testnqn', /nqn\.yyyy-mm/],
    ['nqn.16-06.io.spdk:cnode1', /nqn\.yyyy-mm/],
    ['NQN.2016-06.io.spdk:cnode1', /nqn\.yyyy-mm/],
    [' nqn.2016-06.io.spdk:cnode1', /white space/],
    [`${prefix}a b`, /white space/],
    [`${prefix}a\0`, /control characters/],
    [`${prefix}a\n`, /control characters/],
    [`${prefix}\x7f`, /control characters/],
    [`${prefix}\u0085`, /control characters/],
    [`${prefix}\ud800`, /lone surrogate/],
    [`${prefix}\udc00\ud800`, /lone surrogate/],
    [prefix + 'x'.repeat(nqnMaxBytes - prefix.length + 1), /223 bytes/],
    [prefix + 'é'.repeat((nqnMaxBytes - prefix.length + 1) / 2), /223 bytes/],
    ['nqn.2014-08.org.nvmexpress:uuid:', /UUID/],
    [`${uuidNqn}0`, /UUID/],
    [uuidNqn.replace('1111', 'wxyz'), /UUID/],
  ])('rejects %j', (nqn, message) => {
    expectCode(() => checkNqn(nqn, 'subnqn'), 'ERR_SPDK_INVALID_NQN', message);
  });

  it.each([undefined, null, 5, {}, ['nqn'], Buffer.from(prefix), Symbol('nqn'), new String(prefix)])(
    'rejects a value of another type',
    (nqn) => {
      expectCode(
        () => checkNqn(nqn, 'hostNqn'),
        'ERR_SPDK_INVALID_ARG_TYPE',
        /^hostNqn must be a string; got /,
      );
    },
  );

  it('keeps its message short and on one line, whatever the input', () => {
    const error = thrownBy(() => checkNqn(`\u001b[31m\n${'x'.repeat(1_000_000)}`, 'subnqn'));
    expect(error.message.length).toBeLessThan(200);
    expect(error.message).toMatch(/^[^\p{Cc}]*$/u);
  });

  const slow = { timeout: 60_000 };
  it(
    'takes or rejects any text with a code of its own, and takes only what UTF-8 carries whole',
    slow,
    () => {
      const random = new Random(0x4e514e);
      const alphabet = ['n', 'q', '.', '-', ':', '2', '0', ' ', '\0', 'é', '€', '💾', '\ud83d', '\udcbe'];
      let taken = 0;
      for (let round = 0; round < 20_000; round++) {
        const start = random.pick(['', 'nqn.', 'nqn.2016-06.', prefix, 'nqn.2014-08.org.nvmexpress:uuid:']);
        const nqn = start + random.text(alphabet, random.below(round % 50 === 0 ? 300 : 12));
        try {
          checkNqn(nqn, 'subnqn');
        } catch {
          expect(thrownBy(() => checkNqn(nqn, 'subnqn')).code).toBe('ERR_SPDK_INVALID_NQN');
          continue;
        }
        taken++;
        const bytes = Buffer.from(nqn);
        expect(bytes.length).toBeLessThanOrEqual(nqnMaxBytes);
        expect(bytes.includes(0)).toBe(false);
        expect(bytes.toString()).toBe(nqn);
      }
      expect(taken).toBeGreaterThan(100);
    },
  );
});

describe('uuidOfNqn', () => {
  it('finds the UUID of a UUID-based NQN only', () => {
    expect(uuidOfNqn(uuidNqn)).toBe('11111111-2222-3333-4444-555555555555');
    expect(uuidOfNqn(uuidNqn.replace('11111111', 'AAAABBBB'))).toBe('aaaabbbb-2222-3333-4444-555555555555');
    expect(uuidOfNqn(`${prefix}uuid:11111111-2222-3333-4444-555555555555`)).toBeUndefined();
  });
});

describe('isUuid', () => {
  it('wants 8-4-4-4-12 hexadecimal digits', () => {
    expect(isUuid('01234567-89ab-CDEF-0123-456789abcdef')).toBe(true);
    expect(isUuid('0123456789abcdef0123456789abcdef')).toBe(false);
    expect(isUuid('01234567-89ab-cdef-0123-456789abcdef\n')).toBe(false);
  });
});
