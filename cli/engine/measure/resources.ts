// Reads the counts of resources from the kernel.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { explain, Failure } from '../process/exit.js';
import type { Patience } from '../process/patience.js';
import { type Counts, equal, leaked, type RdmaCounts, total } from './counts.js';

/** One entry of `rdma -j resource show cq`. */
export interface CompletionQueue {
  readonly ifname: string;
  readonly users: number;
  /** Its process; entries of the kernel have none. */
  readonly pid?: number;
}

// Not execa: loading it takes seconds on an emulated processor.
const run = promisify(execFile);

const PAUSE_MS = 250;

/**
 * Counts the present resources of this process, and those of an RDMA device.
 *
 * RDMA resources are all that the device has. Where the target runs on this machine its side of every connection is
 * among them: a connection that the target believes to be open is a leak too. Without a device they are not counted.
 */
export async function countResources(device: string | undefined): Promise<Counts> {
  // Read synchronously, because promises would start threads of libuv.
  const own = {
    // Minus the descriptor that lists the folder.
    fd: readdirSync('/proc/self/fd').length - 1,
    threads: readdirSync('/proc/self/task').length,
    hugepages: hugepagesTaken(
      readFileSync('/proc/self/status', 'utf8'),
      readFileSync('/proc/meminfo', 'utf8'),
    ),
  };
  if (device === undefined) return { ...noRdma, ...own };
  const [summary, queues] = [await rdma<RdmaSummary>(), await rdma<CompletionQueue>('cq')];
  return { ...rdmaCounts(device, summary, queues), ...own };
}

const noRdma: RdmaCounts = { pd: 0, cq: 0, qp: 0, cm_id: 0, mr: 0 };

type RdmaSummary = RdmaCounts & { readonly ifname: string };

/**
 * Completion queues that the kernel has pooled and that are unused are left out: the target takes its queues from a
 * pool (ib_cq_pool_get in the kernel) that grows with the most connections that it ever had at a time, and never shrinks.
 * All completion queues of processes count.
 */
export function rdmaCounts(
  device: string,
  summary: readonly RdmaSummary[],
  queues: readonly CompletionQueue[],
): RdmaCounts {
  const row = summary.find(({ ifname }) => ifname === device);
  if (!row) throw new Failure(`rdma resource show does not list the device ${device}`);
  const pooled = queues.filter((queue) => queue.ifname === device && !queue.pid && queue.users === 0);
  return { pd: row.pd, cq: row.cq - pooled.length, qp: row.qp, cm_id: row.cm_id, mr: row.mr };
}

/**
 * The hugepages in this process's memory, of all sizes, as many of the default size. Those that are not free include what other processes
 * of the machine give and take.
 */
export function hugepagesTaken(status: string, meminfo: string): number {
  const kib = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const taken = kib(status, 'HugetlbPages');
  return taken === 0 ? 0 : taken / kib(meminfo, 'Hugepagesize');
}

/** How SPDK names the files of a process. */
const ownFiles = `spdk_pid${process.pid}map_`;

/**
 * This process's files in every mounted hugetlbfs that may be read: memory that outlives its process. Other programs come and go. The package
 * runs DPDK with --in-memory, so that there are such files only if that is lost.
 */
export function hugepageFiles(mounts: string = readFileSync('/proc/self/mounts', 'utf8')): string[] {
  const folders = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'hugetlbfs')
    .map(([, folder]) => folder ?? '');
  return folders.flatMap((folder) =>
    listed(folder)
      .filter((name) => name.startsWith(ownFiles))
      .map((name) => `${folder}/${name}`),
  );
}

/** Lists a folder; nothing where another user's hugepages are, which this process cannot use either. */
function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Counts until nothing is above the reference, as long as there is patience: the kernel's target takes its side of a
 * connection down some time after ours is gone. What is left at the end is given.
 */
export async function countWhenQuiet(
  count: () => Promise<Counts>,
  reference: Counts,
  patience: Patience,
): Promise<Counts> {
  for (;;) {
    const counts = await count();
    if (total(leaked(reference, counts)) === 0 || patience.over) return counts;
    await patience.pause(PAUSE_MS);
  }
}

/** Counts in the same way until two counts in a row agree, for the kinds that have no reference yet. */
export async function countWhenStable(
  count: () => Promise<Counts>,
  reference: Counts,
  patience: Patience,
): Promise<Counts> {
  let last = await countWhenQuiet(count, reference, patience);
  for (;;) {
    await patience.pause(PAUSE_MS);
    const next = await countWhenQuiet(count, reference, patience);
    if (equal(last, next) || patience.over) return next;
    last = next;
  }
}

async function rdma<Row>(kind?: string): Promise<Row[]> {
  const args = ['-j', 'resource', 'show', ...(kind ? [kind] : [])];
  try {
    return JSON.parse(await outputOf('rdma', args)) as Row[];
  } catch (error) {
    throw new Failure(whyNot(args, error));
  }
}

/** Ctrl-C on a terminal ends the program, too; its output is still wanted for the report. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args)).stdout;
  } catch (error) {
    if ((error as { signal?: unknown }).signal) return (await run(program, args)).stdout;
    throw error;
  }
}

function whyNot(args: readonly string[], error: unknown): string {
  const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
  if (code === 'ENOENT')
    return '--rdma-device needs the program `rdma`, which is missing: apt-get install iproute2';
  const reason = stderr.trim().split('\n')[0] || explain(error).split('\n')[0];
  return `--rdma-device needs \`rdma ${args.join(' ')}\` (iproute2), which failed: ${reason}`;
}
