import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { limits } from './limits.js';
import { release } from './release.js';
import { run } from './run.js';
import { eventually } from './timing.js';

/** RDMA resources of the whole machine, which is the fabric's. */
export interface RdmaUse {
  /** Resources of user processes, that is, of the initiator. */
  readonly pd: number;
  readonly cq: number;
  readonly qp: number;
  readonly cm_id: number;
  readonly mr: number;
  /** Queue pairs that targets, the kernel's and SPDK's, hold for their hosts, admin queues included. */
  readonly targetQueues: number;
}

const kinds = ['pd', 'cq', 'qp', 'cm_id', 'mr'] as const;
const nothing: RdmaUse = { pd: 0, cq: 0, qp: 0, cm_id: 0, mr: 0, targetQueues: 0 };

/** The kernel's own users. The target keeps completion queues for later hosts, so those are left out. */
const kernelUsers = ['ib_core', 'rdma_cm', 'nvmet_rdma'];
/** SPDK's own target, by the name of its thread. */
const spdkTarget = /^reactor_\d+$/;

/**
 * From v22.05 SPDK makes a protection domain for each device and keeps it for as long as the process runs, and with it
 * librdmacm's own.
 */
function keptDomains(): number {
  return release() >= 2205 ? 2 * readdirSync('/sys/class/infiniband').length : 0;
}

interface Resource {
  readonly type?: string;
  readonly comm?: string;
  readonly state?: string;
}

/**
 * From v22.05 an attach may be cancelled before its connection is made. SPDK's target gets an event (RDMA_CM_EVENT_REJECTED),
 * ignores it, and keeps the queue pair, in this state.
 */
function isForgotten({ comm = '', state }: Resource): boolean {
  return release() >= 2205 && spdkTarget.test(comm) && state === 'ERR';
}

export async function rdmaUse(): Promise<RdmaUse> {
  const commands = kinds.map((kind) => `resource show ${kind}\n`).join('');
  const lists = (await run('rdma', ['-j', '-b', '-'], commands)).trim().split('\n');
  const [pd = [], cq = [], qp = [], cm_id = [], mr = []] = lists.map(
    (list) => JSON.parse(list) as Resource[],
  );
  const isTargets = ({ comm = '' }: Resource) => kernelUsers.includes(comm) || spdkTarget.test(comm);
  const held = (list: Resource[]) => list.filter((resource) => !isTargets(resource)).length;
  return {
    pd: Math.max(0, held(pd) - keptDomains()),
    cq: held(cq),
    qp: held(qp),
    cm_id: held(cm_id),
    mr: held(mr),
    targetQueues: qp.filter(
      (resource) =>
        (resource.comm === 'rdma_cm' || spdkTarget.test(resource.comm ?? '')) &&
        resource.type === 'RC' &&
        !isForgotten(resource),
    ).length,
  };
}

/** The queue pairs of either side, admin queues included. */
export async function rdmaQueues(): Promise<{ initiators: number; targets: number }> {
  const { qp, targetQueues } = await rdmaUse();
  return { initiators: qp, targets: targetQueues };
}

/** Expects both sides to have released everything, the target within a time. */
export function expectNothingHeld(limitMs: number = limits.target): Promise<void> {
  return expectUse(limitMs, rdmaUse);
}

/** Expects this side to have released everything. */
export function expectNothingHeldHere(limitMs: number = limits.target): Promise<void> {
  return expectUse(limitMs, async () => ({ ...(await rdmaUse()), targetQueues: 0 }));
}

async function expectUse(limitMs: number, read: () => Promise<RdmaUse>): Promise<void> {
  let use = nothing;
  await eventually(limitMs, async () => {
    use = await read();
    return isDeepStrictEqual(use, nothing);
  });
  expect(use).toEqual(nothing);
}
