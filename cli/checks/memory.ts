// The checks of hugepages, and of the limits of memory and threads.

import { formatBytes } from '../engine/options/numbers.js';
import { cgroupRoom, type LimitFiles } from './cgroup.js';
import { type Finding, failure, ok, warning } from './finding.js';
import type { Machine } from './machine.js';
import { capabilities, has, limitOf } from './process.js';

/** The default of `Environment.init()`. */
export const defaultMemory = 256 * 2 ** 20;
const nodesFolder = '/sys/devices/system/node';
const pagesFolder = '/sys/kernel/mm/hugepages';

/** Hugepages of one size. */
interface Pool {
  readonly size: number;
  readonly total: number;
  readonly free: number;
  /** How many the kernel adds when they are asked for. DPDK looks at these only where none is free. */
  readonly addable: number;
  /** The file that sets how many there are. */
  readonly file: string;
}

/**
 * Checks the free hugepages of all sizes, by NUMA node if there are several, and what the cgroup allows.
 * @param memory what the doctor itself, and every verb with the same `--memory`, reserves
 */
export function checkHugepages(machine: Machine, memory: number): Finding[] {
  const pools = poolsIn(machine, pagesFolder);
  const addable = sum(pools, 'addable');
  const there = sum(pools, 'free');
  const free = there + addable;
  const added = addable === 0 ? '' : `, and ${formatBytes(addable)} that the kernel adds (overcommit)`;
  const text = `${formatBytes(there)} of ${formatBytes(sum(pools, 'total'))} free${byNode(machine)}${added}`;
  return [
    free >= memory && free >= defaultMemory
      ? ok('hugepages', text)
      : lacking(
          'hugepages',
          `${text}; `,
          { free, memory },
          // Those that the kernel adds do not count beside others.
          reserve(pools, Math.max(memory, defaultMemory) - there),
        ),
    ...pools.flatMap((pool) => (pool.total === 0 ? [] : checkCgroup(machine, pool, memory))),
  ];
}

/** Adds pages to those of the smallest size, which the kernel finds most easily; the others keep theirs. */
function reserve(pools: readonly Pool[], missing: number): string {
  const [pool] = [...pools].sort((a, b) => a.size - b.size);
  if (!pool) return 'zgrep HUGETLB /proc/config.gz  (this kernel has no hugepages)';
  return `echo ${pool.total + Math.ceil(missing / pool.size)} > ${pool.file}  (as root)`;
}

function checkCgroup(machine: Machine, { size }: Pool, memory: number): Finding[] {
  const unit = size >= 2 ** 30 ? `${size / 2 ** 30}GB` : `${size / 2 ** 20}MB`;
  const names = [`hugetlb.${unit}`, `hugetlb.${unit}.rsvd`];
  const files = (limit: string, used: string): LimitFiles =>
    names.map((name) => [`${name}.${limit}`, `${name}.${used}`]);
  const room = cgroupRoom(machine, 'hugetlb', {
    v1: files('limit_in_bytes', 'usage_in_bytes'),
    v2: files('max', 'current'),
  });
  if (!room || (room.left >= memory && room.left >= defaultMemory)) return [];
  const wanted = Math.ceil((room.limit - room.left + Math.max(memory, defaultMemory)) / size) * size;
  return [
    lacking(
      'hugepages of the cgroup',
      `${formatBytes(room.left)} of ${formatBytes(room.limit)} left; `,
      { free: room.left, memory },
      `echo ${wanted} > ${room.file}  (as root, outside of a container)`,
    ),
  ];
}

/** A failure where this process cannot run; a warning where only the default of a program is more. */
function lacking(
  check: string,
  text: string,
  { free, memory }: { free: number; memory: number },
  remedy: string,
): Finding {
  return free < memory
    ? failure(check, `${text}--memory is ${formatBytes(memory)}`, remedy)
    : warning(check, `${text}Environment.init() reserves ${formatBytes(defaultMemory)} by default`, remedy);
}

/** The limit of locked memory: RDMA devices pin all memory that SPDK registers. */
export function checkMemlock(machine: Machine, forRdma: boolean): Finding {
  const limit = limitOf(machine, 'Max locked memory');
  if (limit === Number.POSITIVE_INFINITY) return ok('locked memory', 'unlimited');
  const text = `at most ${formatBytes(limit)}`;
  // The kernel does not apply the limit to RDMA's memory then.
  if (has(machine, capabilities.ipcLock))
    return ok('locked memory', `${text}, but CAP_IPC_LOCK lifts the limit`);
  if (limit >= 2 * defaultMemory) return ok('locked memory', text);
  const level = forRdma ? failure : warning;
  return level(
    'locked memory',
    `${text}; RDMA needs more`,
    'ulimit -l unlimited  (or LimitMEMLOCK=infinity)',
  );
}

/** The limit of address space: DPDK reserves much more of it than it uses, and has more to reserve with each NUMA node. */
export function checkAddressSpace(machine: Machine): Finding {
  const enough = 2 ** 40;
  const limit = limitOf(machine, 'Max address space');
  if (limit === Number.POSITIVE_INFINITY) return ok('address space', 'unlimited');
  const text = `at most ${formatBytes(limit)}`;
  if (limit >= enough) return ok('address space', text);
  // Between the two it depends on the machine, and Environment.init() says it.
  const level = limit < 65 * 2 ** 30 ? failure : warning;
  return level(
    'address space',
    `${text}; SPDK reserves more than 64 GiB`,
    'ulimit -v unlimited  (or LimitAS=infinity)',
  );
}

/**
 * The memory of the cgroup. The limit counts, not what is left of it: the kernel reclaims its cache of files first. A process that needs
 * more is killed without a message, so that only the doctor can say it.
 */
export function checkMemoryLimit(machine: Machine): Finding[] {
  const enough = 256 * 2 ** 20;
  const room = cgroupRoom(machine, 'memory', {
    v1: [['memory.limit_in_bytes']],
    v2: [['memory.max']],
  });
  if (!room || room.limit >= enough) return [];
  return [
    warning(
      'memory of the cgroup',
      `${formatBytes(room.limit)}; Node.js and SPDK take about 100 MiB beside the hugepages, and read streams up to 128 MiB more. The kernel kills a process that needs more`,
      `echo ${2 * enough} > ${room.file}  (as root; or MemoryMax= of the unit, --memory of the container)`,
    ),
  ];
}

/** What DPDK opens beside a file for each hugepage. */
const dpdkFiles = 32;

/**
 * The limit of open files. Those that this process has open are about those of a program that has just started.
 * @param memory as for {@link checkHugepages}
 */
export function checkOpenFiles(machine: Machine, memory: number): Finding {
  const limit = limitOf(machine, 'Max open files');
  if (limit === Number.POSITIVE_INFINITY) return ok('open files', 'unlimited');
  const kib = Number(/^Hugepagesize:\s*(\d+)/m.exec(machine.read('/proc/meminfo') ?? '')?.[1] ?? 2048);
  const needed = (bytes: number) =>
    machine.list('/proc/self/fd').length + dpdkFiles + Math.ceil(bytes / (kib * 1024));
  const usual = Math.max(memory, defaultMemory);
  if (limit >= needed(usual)) return ok('open files', `at most ${limit}`);
  const [level, wanted] = limit < needed(memory) ? [failure, memory] : [warning, usual];
  return level(
    'open files',
    `at most ${limit}; SPDK needs ${needed(wanted)} for ${formatBytes(wanted)} of hugepages, each of which is a file`,
    `ulimit -n ${Math.max(4096, 2 * needed(usual))}  (or LimitNOFILE=)`,
  );
}

/** The limits of threads: the user's, and the cgroup's. */
export function checkThreads(machine: Machine): Finding {
  const enough = 256;
  const exempt = has(machine, capabilities.sysResource) || has(machine, capabilities.sysAdmin);
  const limit = exempt ? Number.POSITIVE_INFINITY : limitOf(machine, 'Max processes');
  const files: LimitFiles = [['pids.max', 'pids.current']];
  const room = cgroupRoom(machine, 'pids', { v1: files, v2: files });
  const need = 'SPDK, DPDK and Node.js need several dozen';
  if (room && room.left < enough) {
    return failure(
      'threads',
      `the cgroup has ${room.left} of ${room.limit} left; ${need}`,
      `echo ${room.limit - room.left + enough} > ${room.file}  (as root; or TasksMax= of the unit, --pids-limit of the container)`,
    );
  }
  if (limit < enough) return failure('threads', `at most ${limit}; ${need}`, 'ulimit -u 4096');
  const min = Math.min(limit, room?.left ?? Number.POSITIVE_INFINITY);
  return ok('threads', Number.isFinite(min) ? `at most ${min}` : 'unlimited');
}

function poolsIn(machine: Machine, folder: string): Pool[] {
  return machine.list(folder).flatMap((name) => {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kib) return [];
    const file = `${folder}/${name}/nr_hugepages`;
    const count = (kind: string) => Number(machine.read(`${folder}/${name}/${kind}_hugepages`) ?? 0);
    // The kernel keeps reserved ones for processes that have mapped them and not used them yet; it does not count them by node.
    const free = Math.max(0, count('free') - count('resv'));
    const overcommit = Math.max(0, count('nr_overcommit') - count('surplus'));
    const addable = count('free') > 0 ? 0 : overcommit;
    return [{ size: kib * 1024, total: count('nr'), free, addable, file }];
  });
}

function sum(pools: readonly Pool[], what: 'total' | 'free' | 'addable'): number {
  return pools.reduce((bytes, pool) => bytes + pool.size * pool[what], 0);
}

function byNode(machine: Machine): string {
  const nodes = machine.list(nodesFolder).filter((name) => /^node\d+$/.test(name));
  if (nodes.length < 2) return '';
  const parts = nodes.map(
    (node) => `${node} ${formatBytes(sum(poolsIn(machine, `${nodesFolder}/${node}/hugepages`), 'free'))}`,
  );
  return ` (${parts.join(', ')})`;
}
