// Limits that a process can meet. Each is reached by this process alone, if it can be, and left again.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { controlGroup, mountAt } from './control-groups.mjs';

/** @typedef {{ reach(): void; leave(): void }} Limit */

/** The process may have no more threads than it has now. */
export function threads() {
  const group = controlGroup('pids');
  return {
    reach: () => group.write('pids.max', group.read('pids.current')),
    leave: () => group.write('pids.max', 'max'),
  };
}

/** All file descriptors that the process may have are open. */
export function descriptors() {
  /** @type {number[]} */
  const taken = [];
  return {
    reach: () => {
      try {
        for (;;) taken.push(fs.openSync('/dev/null', 'r'));
      } catch {}
    },
    leave: () => {
      for (const fd of taken.splice(0)) fs.closeSync(fd);
    },
  };
}

/** Hardly any memory may be locked. Binds only a process without CAP_IPC_LOCK. */
export function memlock() {
  const limit = (/** @type {string} */ soft) =>
    execFileSync('prlimit', ['--pid', String(process.pid), `--memlock=${soft}:`]);
  return { reach: () => limit('65536'), leave: () => limit('unlimited') };
}

/** Reserves pages for a file: as good as in use for everybody else, and without the seconds that it takes to clear gigabytes. */
const reserveFor = `
import mmap, sys
size = int(sys.argv[2])
with open(sys.argv[1], 'wb+') as file:
  file.truncate(size)
  mmap.mmap(file.fileno(), size)
`;

/** All hugepages of the machine are in use. */
export function hugepages() {
  const folder = mountAt('hugetlbfs');
  const freeBytes = () => {
    const meminfo = fs.readFileSync('/proc/meminfo', 'utf8');
    const field = (/** @type {string} */ name) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1]);
    return (field('HugePages_Free') - field('HugePages_Rsvd')) * field('Hugepagesize') * 1024;
  };
  return {
    reach: () => {
      // It fails if another process takes some meanwhile. Again if one gives some back.
      for (let i = 0, bytes = freeBytes(); i < 10 && bytes > 0; i++, bytes = freeBytes())
        spawnSync('python3', ['-c', reserveFor, path.join(folder, String(i)), String(bytes)]);
    },
    leave: () => {
      for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name));
    },
  };
}

/** The process may have no more hugepages than it has now. */
export function hugetlb() {
  const group = controlGroup('hugetlb');
  const [max, current, none] = group.first
    ? ['limit_in_bytes', 'usage_in_bytes', '-1']
    : ['max', 'current', 'max'];
  return {
    reach: () => group.write(`hugetlb.2MB.${max}`, group.read(`hugetlb.2MB.${current}`)),
    leave: () => group.write(`hugetlb.2MB.${max}`, none),
  };
}
