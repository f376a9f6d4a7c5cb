// Any value as the options of any call: accepted whole or rejected with a code.

import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { expectCode, thrownBy } from './coded.js';
import { Random } from './random.js';
import { resolvers, revoked } from './resolvers.js';

const uuid = '11111111-aaaa-3333-4444-555555555555';

describe.each(Object.entries(resolvers))('any %s options object', (name, resolve) => {
  it.each([
    ['null', null],
    ['a string', 'timeoutMs'],
    ['a number', 5],
    ['an array', [{ timeoutMs: 5 }]],
    ['a function', () => {}],
    ['a Map', new Map()],
    ['a class instance', new (class Options {})()],
    ['an object that inherits options', Object.create({ timeoutMs: 5 })],
    ['a proxy of an array', new Proxy([], {})],
  ])('is rejected if it is %s', (_, options) => {
    const title = name.charAt(0).toUpperCase() + name.slice(1);
    expectCode(
      () => resolve(options),
      'ERR_SPDK_INVALID_ARG_TYPE',
      new RegExp(`^${title} options must be a plain object; got `),
    );
  });

  it('says what to do with an instance of a class, and that its copy is accepted', () => {
    const instance = new (class Options {})();
    expectCode(
      () => resolve(instance),
      'ERR_SPDK_INVALID_ARG_TYPE',
      /got an instance of a class; pass a copy/,
    );
    expect(resolve({ ...instance })).toEqual(resolve());
  });

  it('may have no prototype, or that of another realm', () => {
    expect(resolve(Object.create(null))).toEqual(resolve());
    expect(resolve(runInNewContext('({})'))).toEqual(resolve());
  });

  it('names the nearest key where one is unknown', () => {
    const [first] = Object.keys(resolve()).slice(-1) as [string];
    for (const near of [first.toUpperCase(), `${first}s`, first.slice(0, -1)]) {
      if (near === first) continue;
      expectCode(
        () => resolve({ [near]: 1 }),
        'ERR_SPDK_UNKNOWN_OPTION',
        new RegExp(`did you mean '${first}'`),
      );
    }
    expectCode(() => resolve({ xyzzy: 1 }), 'ERR_SPDK_UNKNOWN_OPTION', new RegExp(`keys are .*${first}`));
    expectCode(() => resolve({ toString: 1 }), 'ERR_SPDK_UNKNOWN_OPTION');
    expectCode(() => resolve(JSON.parse('{"__proto__": 1}')), 'ERR_SPDK_UNKNOWN_OPTION');
    expectCode(() => resolve({ unknown: undefined }), 'ERR_SPDK_UNKNOWN_OPTION');
  });

  it('passes over symbols and properties that are not enumerable', () => {
    const options = Object.defineProperty({ [Symbol('x')]: 1 }, 'hidden', { value: 1 });
    expect(resolve(options)).toEqual(resolve());
  });

  it('reports what its getters and traps throw as the cause', () => {
    const cause = new Error('from the getter');
    const [key] = Object.keys(resolve()) as [string];
    const trap = () => {
      throw cause;
    };
    const throwing = [
      Object.defineProperty({}, key, { enumerable: true, get: trap }),
      new Proxy({}, { ownKeys: trap }),
      new Proxy({}, { getPrototypeOf: trap }),
    ];
    for (const options of throwing) {
      const error = thrownBy(() => resolve(options));
      expect(error.code).toBe('ERR_SPDK_INVALID_ARG_VALUE');
      expect(error.cause).toBe(cause);
    }
    expectCode(() => resolve(revoked()), 'ERR_SPDK_INVALID_ARG_VALUE');
  });

  it('has every property read once', () => {
    let reads = 0;
    const options = {
      get timeoutMs() {
        reads++;
        return reads === 1 ? 7_000 : -1;
      },
    };
    if (!('timeoutMs' in resolve())) return;
    expect(resolve(options)).toHaveProperty('timeoutMs', 7_000);
    expect(reads).toBe(1);
  });

  it('is taken or rejected with a code, whatever random values it has', () => {
    const random = new Random(0xc0ffee);
    const keys = [...Object.keys(resolve()), 'other'];
    const values = [
      undefined,
      null,
      0,
      1,
      2,
      5_000,
      -1,
      0.5,
      Number.NaN,
      1e21,
      5n,
      '',
      'spin',
      'a',
      '10.0.0.2',
    ]
      .concat([uuid, `nqn.2014-08.org.nvmexpress:uuid:${uuid}`, '\ud800', '::1'])
      .map((value): unknown => value)
      .concat([{}, [], () => {}, Symbol('x'), revoked(), AbortSignal.abort(), new Date()]);
    const outcomes = new Set<string>();
    for (let round = 0; round < 3_000; round++) {
      const options: Record<string, unknown> = {};
      for (let count = random.below(4); count > 0; count--) options[random.pick(keys)] = random.pick(values);
      try {
        expect(Object.isFrozen(resolve(options))).toBe(true);
        outcomes.add('taken');
      } catch {
        outcomes.add(thrownBy(() => resolve(options)).code);
      }
    }
    expect(outcomes).toContain('taken');
    expect(outcomes).toContain('ERR_SPDK_INVALID_ARG_TYPE');
    expect(outcomes).toContain('ERR_SPDK_INVALID_ARG_VALUE');
    expect(outcomes).toContain('ERR_SPDK_UNKNOWN_OPTION');
  });
});
