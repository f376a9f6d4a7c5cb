// How long the threads of a process ran, and waited for a processor, as the kernel counts it.

import { readdirSync, readFileSync } from 'node:fs';

/** The times of a thread, since it began. */
interface ThreadTimes {
  readonly ranMs: number;
  /** The time in which it was ready to run and did not. */
  readonly waitedMs: number;
}

export type TimesByThread = ReadonlyMap<string, ThreadTimes>;

/** The letter of proc(5): R runs or is ready to, S sleeps, D waits in the kernel, for a disk for example, T is stopped. */
export function stateOf(pid: number): string {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '?';
  } catch {
    return 'ended';
  }
}

/** Reads the times of a process's threads: none if it has ended, or if the kernel does not count. */
export function timesOf(pid: number | 'self'): TimesByThread {
  const byThread = new Map<string, ThreadTimes>();
  for (const thread of threadsOf(pid)) {
    try {
      const [ranNs, waitedNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      byThread.set(thread, { ranMs: Number(ranNs) / 1e6, waitedMs: Number(waitedNs) / 1e6 });
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
  readonly threads: TimesByThread;
}

/** How long the thread ran that ran most between the first and the last reading; nearly nothing for a process that is stopped. */
export function maxRunMs(readings: readonly Reading[]): number {
  return maxOf(readings, ({ ranMs }) => ranMs);
}

/** How long the thread waited for a processor that waited longest. */
export function maxWaitedMs(readings: readonly Reading[]): number {
  return maxOf(readings, ({ waitedMs }) => waitedMs);
}

function maxOf(readings: readonly Reading[], time: (times: ThreadTimes) => number): number {
  const [first, last] = [readings[0], readings.at(-1)];
  if (!first || !last) return 0;
  const none = { ranMs: 0, waitedMs: 0 };
  const times = [...last.threads].map(([name, now]) => time(now) - time(first.threads.get(name) ?? none));
  return Math.max(0, ...times);
}
