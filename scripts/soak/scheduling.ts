// How long the threads of a process waited for a processor, as the kernel counts it.

import { readdirSync, readFileSync } from 'node:fs';

/** By thread: milliseconds in which it was ready to run and did not, since it began. */
export type WaitedMs = ReadonlyMap<string, number>;

/** Empty for a process that has ended, and with a kernel that does not count. */
export function waitedMs(pid: number | 'self'): WaitedMs {
  const byThread = new Map<string, number>();
  for (const thread of threadsOf(pid)) {
    try {
      const [, waitedNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      byThread.set(thread, Number(waitedNs) / 1e6);
    } catch {
      // The thread has ended.
    }
  }
  return byThread;
}

function threadsOf(pid: number | 'self'): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** What was read at one time. */
export interface Reading {
  readonly atMs: number;
  readonly waited: WaitedMs;
}

/** A thread that waits for so much of a time does nothing in it that anybody would notice. */
const standingStill = 0.9;

/** The longest time without a break in which one of the threads waited for a processor; readings in order. */
export function longestWaitMs(readings: readonly Reading[]): number {
  const stretches = new Map<string, number>();
  let longest = 0;
  for (let i = 1; i < readings.length; i++) {
    const [before, now] = [readings[i - 1], readings[i]] as [Reading, Reading];
    const ms = now.atMs - before.atMs;
    for (const [thread, waited] of now.waited) {
      const inIt = waited - (before.waited.get(thread) ?? 0);
      const stretch = inIt >= standingStill * ms ? (stretches.get(thread) ?? 0) + ms : 0;
      stretches.set(thread, stretch);
      longest = Math.max(longest, stretch);
    }
  }
  return longest;
}
