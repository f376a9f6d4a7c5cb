// Shared by the options of several calls: time limits, signals, defaults.

import { SpdkError, SpdkTypeError } from '../errors/spdk-error.js';
import { eventLoop } from '../internal/event-loop.js';
import { checkInteger, checkOneOf, describe } from './arguments.js';

/** Options with all defaults. Undefined values are chosen by SPDK or absent. */
export type Resolved<Options, Optional extends keyof Options = never> = {
  readonly [Key in keyof Options]-?: Key extends Optional ? Options[Key] : Exclude<Options[Key], undefined>;
};

/** The longest delay of a Node.js timer, in milliseconds: 24.8 days. */
export const maxTimerMs = 2_147_483_647;

/** The default for an option that is not given. Unlike `??` it keeps null, which is then rejected for its type. */
export function or(value: unknown, fallback: unknown): unknown {
  return value === undefined ? fallback : value;
}

export function optional<Value>(value: unknown, check: (value: unknown) => Value): Value | undefined {
  return value === undefined ? undefined : check(value);
}

/** Returns the time until a time of `performance.now()`, as a `timeoutMs`: at least 1. */
export function timeoutUntil(end: number): number {
  return Math.max(1, Math.ceil(end - eventLoop.now()));
}

export function checkTimeout(value: unknown): number {
  return checkInteger(value, 'timeoutMs', 1, maxTimerMs, 'milliseconds');
}

/** Accepts an AbortSignal of any realm, or an object that behaves like one. */
export function checkSignal(value: unknown): AbortSignal {
  if (isSignal(value)) return value;
  throw new SpdkTypeError(`signal must be an AbortSignal; got ${describe(value)}`);
}

/** Checks the option for timed-out and aborted operations. */
export function checkOnTimeout(value: unknown): 'none' | 'abort' | 'reset' {
  return checkOneOf(value, 'onTimeout', ['none', 'abort', 'reset']);
}

function isSignal(value: unknown): value is AbortSignal {
  try {
    const signal = value as AbortSignal;
    return (
      typeof signal.aborted === 'boolean' &&
      typeof signal.addEventListener === 'function' &&
      typeof signal.removeEventListener === 'function'
    );
  } catch {
    return false; // null, or a proxy whose trap threw
  }
}

export function invalid(message: string): never {
  throw new SpdkError('ERR_SPDK_INVALID_ARG_VALUE', message);
}

export function conflict(message: string): never {
  throw new SpdkError('ERR_SPDK_CONFLICTING_OPTIONS', message);
}
