import fs from 'node:fs';

/** What the kernel counts of this process's threads. */
export interface ThreadCounts {
  readonly threads: number;
  readonly ownThreads: number;
  /** How often the package's threads have begun to sleep. */
  readonly sleeps: number;
}

export function threadCounts(): ThreadCounts {
  const ids = fs.readdirSync('/proc/self/task');
  let [ownThreads, sleeps] = [0, 0];
  for (const id of ids) {
    const status = statusOf(id);
    if (!/^Name:\s+spdk-/m.test(status)) continue;
    ownThreads++;
    sleeps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return { threads: ids.length, ownThreads, sleeps };
}

/** Reads the status of a thread; empty for one that has just ended. */
function statusOf(id: string): string {
  try {
    return fs.readFileSync(`/proc/self/task/${id}/status`, 'utf8');
  } catch {
    return '';
  }
}
