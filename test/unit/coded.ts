import { expect } from 'vitest';
import { SpdkError, type SpdkErrorCode, SpdkTypeError } from '../../lib/errors/spdk-error.js';

/** Calls what must throw one of this package's own errors, and gives that error back. */
export function thrownBy(call: () => unknown): SpdkError | SpdkTypeError {
  try {
    call();
  } catch (error) {
    if (error instanceof SpdkError || error instanceof SpdkTypeError) return error;
    throw new Error(`threw an error without a code: ${String(error)}`, { cause: error });
  }
  throw new Error('did not throw');
}

/** Expects a call to throw an error of this code whose message matches. */
export function expectCode(call: () => unknown, code: SpdkErrorCode, message: RegExp = /./): void {
  const error = thrownBy(call);
  expect.soft(error.code).toBe(code);
  expect(error.message).toMatch(message);
  expect(error.message, 'one line').not.toMatch(/[\r\n]/);
}
