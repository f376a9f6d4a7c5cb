// The checks of what the kernel and a container leave this process: mounts, system calls, the size of files and of socket buffers.

import { formatBytes } from '../engine/options/numbers.js';
import { type Finding, failure, warning } from './finding.js';
import type { Machine } from './machine.js';
import { capabilities, has, limitOf } from './process.js';

/** What SPDK and DPDK read; the other checks find nothing without it. */
export function checkMounts(machine: Machine): Finding[] {
  const found: Finding[] = [];
  if (machine.list('/proc/self/fd').length === 0)
    found.push(failure('/proc', 'is not mounted; SPDK needs it', 'mount -t proc proc /proc  (as root)'));
  else if (machine.read('/proc/meminfo') === undefined) {
    const text = 'has no meminfo, which SPDK needs: it was mounted with subset=pid';
    found.push(failure('/proc', text, 'ProcSubset=all  (in the unit of systemd)'));
  }
  if (machine.list('/sys/devices/system/cpu').length === 0)
    found.push(failure('/sys', 'is not mounted; SPDK needs it', 'mount -t sysfs sysfs /sys  (as root)'));
  return found;
}

/**
 * A filter of system calls. What it forbids cannot be read; the usual ones of containers forbid the calls for NUMA nodes to processes
 * without this capability.
 */
export function checkSeccomp(machine: Machine): Finding[] {
  const filtered = /^Seccomp:\s*2$/m.test(machine.read('/proc/self/status') ?? '');
  if (!filtered || has(machine, capabilities.sysNice)) return [];
  return [
    warning(
      'system calls',
      'a seccomp filter applies, and may forbid mbind, set_mempolicy and get_mempolicy, as Docker’s does. SPDK then may not start',
      '--cap-add SYS_NICE  (of the container, or a profile that allows them)',
    ),
  ];
}

/**
 * The limit of the size of files, which hugepages are to the kernel.
 * @param memory as for {@link checkHugepages}
 */
export function checkFileSize(machine: Machine, memory: number, defaultMemory: number): Finding[] {
  const limit = limitOf(machine, 'Max file size');
  if (limit >= Math.max(memory, defaultMemory)) return [];
  const level = limit < memory ? failure : warning;
  return [
    level(
      'size of files',
      `at most ${formatBytes(limit)}; hugepages are files to the kernel, and SPDK takes ${formatBytes(limit < memory ? memory : defaultMemory)}`,
      'ulimit -f unlimited  (or LimitFSIZE=infinity)',
    ),
  ];
}

/** What SPDK asks for, for each direction of a TCP connection. */
const socketBuffer = 2 * 2 ** 20;

/** The limits of socket buffers, which a container does not see. */
export function checkSocketBuffers(machine: Machine): Finding[] {
  const small = ['rmem_max', 'wmem_max'].filter(
    (name) => Number(machine.read(`/proc/sys/net/core/${name}`) ?? socketBuffer) < socketBuffer,
  );
  if (small.length === 0) return [];
  return [
    warning(
      'socket buffers',
      `${small.join(' and ')} are below the ${formatBytes(socketBuffer)} that SPDK asks for: large reads and writes are slower`,
      `sysctl -w ${small.map((name) => `net.core.${name}=4194304`).join(' ')}  (as root)`,
    ),
  ];
}
