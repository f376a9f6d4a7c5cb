import fs from 'node:fs';

const pages = '/proc/sys/vm/nr_hugepages';

/**
 * Makes sure that this much memory is free in hugepages of the default size, and adds missing pages. Added pages stay,
 * because another process may already use them.
 */
export function ensureHugepages(memoryMb: number): void {
  const { free, pageMb } = meminfo();
  const missing = Math.ceil(memoryMb / pageMb) - free;
  if (missing <= 0) return;
  try {
    fs.writeFileSync(pages, String(Number(fs.readFileSync(pages, 'utf8')) + missing));
  } catch (cause) {
    throw new Error(
      `${missing} more hugepages are needed; as root: echo ${missing} >> ${pages}, or run this as root`,
      {
        cause,
      },
    );
  }
  if (Math.ceil(memoryMb / pageMb) > meminfo().free) {
    throw new Error(
      `the kernel did not find memory for ${missing} more hugepages; free some, or restart the machine`,
    );
  }
}

/**
 * The beginning of a command line that runs a program of SPDK with a hugetlbfs, because DPDK needs one and a machine may have none.
 * Only the program sees it, and it ends with the program.
 */
export function withHugetlbfs(mountPoint: string): readonly string[] {
  return ['unshare', '--mount', 'sh', '-c', 'mount -t hugetlbfs none "$0" && exec "$@"', mountPoint];
}

function meminfo(): { free: number; pageMb: number } {
  const text = fs.readFileSync('/proc/meminfo', 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  // Those that another process has reserved count as free until it touches them.
  const free = Math.max(0, field('HugePages_Free') - field('HugePages_Rsvd'));
  return { free, pageMb: field('Hugepagesize') / 1024 || 2 };
}
