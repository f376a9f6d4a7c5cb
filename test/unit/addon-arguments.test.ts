import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/addon.js';
import type { NativeOpenRequest } from '../../lib/native/contract.js';
import { caught } from './coded.js';

describe('native code checks what it is given, whatever lib/ has checked before', () => {
  /** More memory than any machine has, so that an argument that slips through does not start SPDK. */
  const request = (changes: object = {}) =>
    ({
      name: 'test',
      memoryMb: 1 << 20,
      pollers: 1,
      memoryRequired: true,
      alwaysSpin: false,
      idleSleepUs: 1_000,
      connectConcurrency: 4,
      logLevel: 2,
      onLog: () => {},
      opened: () => {},
      ...changes,
    }) as NativeOpenRequest;

  const noWholeNumber = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 60, '1', 1n, null, true, {}, []];
  const noText = [1, null, true, {}, Symbol('x'), 'a\0b', 'x'.repeat(65)];
  const noBoolean = [0, 1, 'true', null, {}];
  const noFunction = [null, {}, 'f', 1];
  const wrong: Record<keyof NativeOpenRequest, readonly unknown[]> = {
    name: noText,
    memoryMb: [...noWholeNumber, 0],
    pollers: [...noWholeNumber, 0, 1_025],
    memoryRequired: noBoolean,
    alwaysSpin: noBoolean,
    idleSleepUs: [...noWholeNumber, 0],
    connectConcurrency: [...noWholeNumber, 0],
    logLevel: [...noWholeNumber, 5],
    onLog: noFunction,
    opened: noFunction,
  };

  it.each(Object.entries(wrong))('%s', (key, values) => {
    for (const value of [undefined, ...values]) {
      const error = thrownByNative(() => native().open(request({ [key]: value })));
      expect(error.message, String(value)).toContain(key);
    }
    const { [key as keyof NativeOpenRequest]: _, ...rest } = request();
    thrownByNative(() => native().open(rest as NativeOpenRequest));
  });

  it('the request itself', () => {
    const open = native().open as (...args: unknown[]) => void;
    for (const value of [undefined, null, 1, 'x', true, Symbol('x'), () => {}]) {
      thrownByNative(() => open(value));
    }
    thrownByNative(() => open());
  });

  it('and passes on what a getter throws', () => {
    const thrown = new Error('from the getter');
    const hostile = Object.defineProperty(request(), 'pollers', {
      get() {
        throw thrown;
      },
    });
    expect(() => native().open(hostile)).toThrow(thrown);
  });

  it('before it does anything: a good request is taken afterwards', async () => {
    const failure = await new Promise((resolve) => native().open(request({ opened: resolve })));
    expect(failure).toMatchObject({ code: 'ERR_SPDK_NO_HUGEPAGES' });
  });

  function thrownByNative(call: () => unknown): TypeError {
    const error = caught(call) as TypeError;
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_TYPE' });
    return error;
  }
});
