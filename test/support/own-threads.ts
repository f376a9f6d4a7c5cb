import fs from 'node:fs';

/** A thread of the package in this process, as the kernel describes it. */
export interface OwnThread {
  readonly name: string;
  /** How often it has begun to sleep. */
  readonly sleeps: number;
}

export function ownThreads(): OwnThread[] {
  const all: OwnThread[] = [];
  for (const id of fs.readdirSync('/proc/self/task')) {
    const status = statusOf(id);
    const name = /^Name:\s+(spdk-\S+)/m.exec(status)?.[1];
    if (name) all.push({ name, sleeps: Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]) });
  }
  return all;
}

export function totalSleeps(threads: readonly OwnThread[]): number {
  return threads.reduce((total, { sleeps }) => total + sleeps, 0);
}

/** Empty for a thread that has just ended. */
function statusOf(id: string): string {
  try {
    return fs.readFileSync(`/proc/self/task/${id}/status`, 'utf8');
  } catch {
    return '';
  }
}
