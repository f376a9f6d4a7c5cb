import { expect } from 'vitest';
import { SpdkError, type SpdkErrorCode, SpdkTypeError } from '../../lib/errors/spdk-error.js';

/** Calls what must throw, and gives back what it throws. */
export function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('did not throw');
}

/** Calls what must throw one of this package's own errors, and gives that error back. */
export function thrownBy(call: () => unknown): SpdkError | SpdkTypeError {
  const error = caught(call);
  if (error instanceof SpdkError || error instanceof SpdkTypeError) return error;
  throw new Error(`threw an error without a code: ${String(error)}`, { cause: error });
}

/** Expects a call to throw an error of this code whose message matches. */
export function expectCode(call: () => unknown, code: SpdkErrorCode, message: RegExp = /./): void {
  const error = thrownBy(call);
  expect.soft(error.code).toBe(code);
  expect(error.message).toMatch(message);
  expect(error.message, 'one line').not.toMatch(/[\r\n]/);
}
