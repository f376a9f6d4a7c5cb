import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { SpdkError, SpdkErrorCode } from '../../../lib/index.js';

/** The outcome of a promise, and the milliseconds until it settled, counted from this call. */
export async function timed<T>(promise: Promise<T>): Promise<{ value: T; ms: number }> {
  const begun = performance.now();
  const value = await promise;
  return { value, ms: performance.now() - begun };
}

/** The code that a promise is rejected with; a word of the caller's when it is fulfilled. */
export function codeOf(promise: Promise<unknown>, fulfilled = 'none'): Promise<string> {
  return promise.then(
    () => fulfilled,
    ({ code }: SpdkError) => code,
  );
}

/** Expects that a promise is fulfilled within a time, and resolves with its value. */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  const { value, ms } = await timed(promise);
  expect(ms).toBeLessThan(limitMs);
  return value;
}

/** Expects that a promise rejects with a code within a time, and resolves with the error. */
export async function rejection(
  code: SpdkErrorCode,
  limitMs: number,
  promise: Promise<unknown>,
): Promise<SpdkError> {
  const outcome = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const { value, ms } = await timed(outcome);
  if (!('error' in value)) throw new Error(`was fulfilled instead of rejected with ${code}`);
  expect(value.error).toMatchObject({ code });
  expect(ms, `until ${code}`).toBeLessThan(limitMs);
  return value.error as SpdkError;
}

/** Waits until a condition holds; resolves with false if it does not in time. */
export async function eventually(
  limitMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/**
 * Moments within a time of so many milliseconds, one at random in each of `count` equal parts: few in a run, and other ones
 * in the next. Failures should name the moment.
 */
export function momentsWithin(whole: number, count: number): number[] {
  return Array.from({ length: count }, (_, part) => ((part + Math.random()) * whole) / count);
}
