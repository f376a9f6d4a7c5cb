import { readdirSync, readFileSync } from 'node:fs';
import { formatBytes } from '../engine/numbers.js';
import { type Finding, failure, ok, warning } from './finding.js';

/** The default of `Environment.init()`. */
const defaultMemory = 256 * 2 ** 20;
const nodesFolder = '/sys/devices/system/node';
const pagesFolder = '/sys/kernel/mm/hugepages';

interface Pages {
  readonly size: number;
  readonly total: number;
  readonly free: number;
}

/** Free hugepages by size, and by NUMA node if there are several, and the limit of the cgroup. */
export function checkHugepages(): Finding[] {
  const all = pagesIn(pagesFolder);
  const free = all.reduce((sum, { size, free: pages }) => sum + size * pages, 0);
  const total = all.reduce((sum, { size, total: pages }) => sum + size * pages, 0);
  const size = all.find(({ total: pages }) => pages > 0)?.size ?? 2 * 2 ** 20;
  const wanted = Math.ceil((total - free + defaultMemory) / size);
  const text = `${formatBytes(free)} of ${formatBytes(total)} free`;
  const findings = [
    free >= defaultMemory
      ? ok('hugepages', `${text}${byNode()}`)
      : failure(
          'hugepages',
          `${text}; an environment reserves ${formatBytes(defaultMemory)} by default`,
          `echo ${wanted} > /proc/sys/vm/nr_hugepages  (as root)`,
        ),
  ];
  const limit = cgroupLimit(size);
  if (limit !== undefined && limit < defaultMemory) {
    findings.push(
      failure(
        'hugepages of the cgroup',
        `this process may use ${formatBytes(limit)}`,
        'raise the hugetlb limit of the container or the unit',
      ),
    );
  }
  return findings;
}

/** The limit of locked memory: RDMA devices pin all memory that SPDK registers. */
export function checkMemlock(): Finding {
  const limit = limitOf('Max locked memory');
  if (limit === Number.POSITIVE_INFINITY) return ok('locked memory', 'unlimited');
  const text = `at most ${formatBytes(limit)}`;
  return limit >= 2 * defaultMemory
    ? ok('locked memory', text)
    : warning('locked memory', `${text}; RDMA needs more`, 'ulimit -l unlimited  (or LimitMEMLOCK=infinity)');
}

/** The limit of threads. */
export function checkThreads(): Finding {
  const limit = Math.min(limitOf('Max processes'), cgroupTasks());
  const enough = 256;
  const text = Number.isFinite(limit) ? `at most ${limit}` : 'unlimited';
  return limit >= enough
    ? ok('threads', text)
    : failure(
        'threads',
        `${text}; SPDK, DPDK and Node.js need several dozen`,
        'ulimit -u 4096  (or TasksMax=)',
      );
}

/** A soft limit of this process. */
function limitOf(name: string): number {
  const line = read('/proc/self/limits')
    ?.split('\n')
    .find((one) => one.startsWith(name));
  const [soft = 'unlimited'] = line?.slice(name.length).trim().split(/\s+/) ?? [];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

function pagesIn(folder: string): Pages[] {
  return list(folder).flatMap((name) => {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kib) return [];
    const count = (file: string) => Number(read(`${folder}/${name}/${file}`)?.trim() ?? 0);
    return [{ size: kib * 1024, total: count('nr_hugepages'), free: count('free_hugepages') }];
  });
}

function byNode(): string {
  const nodes = list(nodesFolder).filter((name) => /^node\d+$/.test(name));
  if (nodes.length < 2) return '';
  const parts = nodes.map((node) => {
    const free = pagesIn(`${nodesFolder}/${node}/hugepages`).reduce(
      (sum, one) => sum + one.size * one.free,
      0,
    );
    return `${node} ${formatBytes(free)}`;
  });
  return ` (${parts.join(', ')})`;
}

/** The hugetlb limit of this process's cgroup, version 2 or 1; undefined if there is none. */
function cgroupLimit(size: number): number | undefined {
  const unit = size >= 2 ** 30 ? `${size / 2 ** 30}GB` : `${size / 2 ** 20}MB`;
  const [own = '/'] = cgroupPaths();
  const texts = [
    read(`/sys/fs/cgroup${own}/hugetlb.${unit}.max`),
    read(`/sys/fs/cgroup/hugetlb${own}/hugetlb.${unit}.limit_in_bytes`),
  ];
  const text = texts.find((one) => one !== undefined)?.trim();
  return text === undefined || text === 'max' ? undefined : Number(text);
}

function cgroupTasks(): number {
  const [own = '/'] = cgroupPaths();
  const text = (read(`/sys/fs/cgroup${own}/pids.max`) ?? read(`/sys/fs/cgroup/pids${own}/pids.max`))?.trim();
  return text === undefined || text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
}

function cgroupPaths(): string[] {
  return (read('/proc/self/cgroup') ?? '')
    .split('\n')
    .flatMap((line) => /^\d+:[^:]*:(.*)$/.exec(line)?.[1] ?? []);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
