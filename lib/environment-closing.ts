// The end of an environment: its subsystems and controllers are detached, then its threads end, all within one time limit.

import type { EnvironmentControllers } from './environment-controllers.js';
import { SpdkError } from './errors/spdk-error.js';
import { eventLoop } from './internal/event-loop.js';
import { PendingCall, waitFor } from './internal/pending-call.js';
import type { NativeEnvironment } from './native/contract.js';
import type { Subsystem } from './subsystem.js';

/** The time that native code needs after its limit to collect the stacks of hanging threads. */
const stacksMs = 300;

/** If the time of a call was over so long before JavaScript noticed, it was busy. */
const busyMs = 50;

/** What a call reports if it has waited too long for the end. */
const closing = {
  what: 'Closing the environment',
  timeoutCode: 'ERR_SPDK_WEDGED',
  timeoutHint: 'A call into SPDK has not returned; restart this process at a convenient time.',
} as const;

/** The part of the closing time that is reserved for ending threads, in case a detach uses all of its time. */
export const endingMs = (timeoutMs: number): number => Math.min(1_000, Math.ceil(timeoutMs / 2));

/**
 * @param reason of the attaches that are cancelled
 * @throws {SpdkError} ERR_SPDK_WEDGED if SPDK still uses a controller or a thread after the time
 */
export async function closeEnvironment(
  native: NativeEnvironment,
  controllers: EnvironmentControllers,
  subsystems: readonly Subsystem[],
  timeoutMs: number,
  reason: SpdkError,
): Promise<void> {
  const begun = eventLoop.now();
  const detachMs = Math.max(1, timeoutMs - endingMs(timeoutMs));
  // A path that has no controller yet ends with its subsystem only. What fails here fails for a controller, too.
  const ended = Promise.allSettled(subsystems.map((subsystem) => subsystem.detach({ timeoutMs: detachMs })));
  const outcomes = await controllers.end(reason, detachMs);
  const inTime = [...outcomes, ...(await ended)].every(({ status }) => status === 'fulfilled');
  const elapsed = eventLoop.now() - begun;
  // If it is late all the same, JavaScript was busy: the threads have their part of the time from now on.
  const used = inTime ? Math.min(elapsed, detachMs) : elapsed;
  const { clean, nativeStack } = await endThreads(native, timeoutMs, used);
  if (clean) return;
  const wedged = outcomes.find(
    (outcome) => outcome.status === 'rejected' && outcome.reason.code === 'ERR_SPDK_WEDGED',
  ) as PromiseRejectedResult | undefined;
  if (wedged) throw wedged.reason;
  throw new SpdkError(
    'ERR_SPDK_WEDGED',
    'SPDK still used a controller or a thread when the environment was closed; its memory stays allocated',
    { nativeStack },
  );
}

/** Waits for the end as the first call does. If JavaScript was busy when its time was over, what has ended meanwhile is seen first. */
export async function waitForEnvironment(end: Promise<void>, timeoutMs: number): Promise<void> {
  const begun = eventLoop.now();
  try {
    await waitFor(end, { ...closing, timeoutMs });
  } catch (error) {
    if (eventLoop.now() - begun < timeoutMs + busyMs) throw error;
    await waitFor(end, { ...closing, timeoutMs: endingMs(timeoutMs) });
  }
}

/** Native code is called in any case, even if the time is over. */
function endThreads(
  native: NativeEnvironment,
  timeoutMs: number,
  used: number,
): Promise<{ clean: boolean; nativeStack: string }> {
  const left = Math.max(1, timeoutMs - used);
  const limits = { ...closing, timeoutMs, since: eventLoop.now() - timeoutMs + left };
  return PendingCall.start<{ clean: boolean; nativeStack: string }>(limits, (call) => {
    native.close({
      timeoutMs: Math.max(0, Math.floor(left - Math.min(stacksMs, left / 2))),
      closed: (clean, nativeStack) => call.resolve({ clean, nativeStack }),
    });
  }).promise;
}
