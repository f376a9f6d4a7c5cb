import { readdirSync, readFileSync } from 'node:fs';

/** The names of this process's threads, as the kernel knows them. */
export function threadNames(): string[] {
  return readdirSync('/proc/self/task')
    .flatMap((id) => {
      try {
        return [readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim()];
      } catch {
        return []; // it has just ended
      }
    })
    .sort();
}

export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}

export interface HugepageUse {
  readonly free: number;
  /** Files on hugetlbfs, which would outlive a process. */
  readonly files: number;
}

/** The hugepages of this machine that nobody uses. */
export function freeHugepages(): number {
  return Number(/^HugePages_Free:\s+(\d+)$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
}

export function hugepages(): HugepageUse {
  return { free: freeHugepages(), files: readdirSync('/dev/hugepages').length };
}
