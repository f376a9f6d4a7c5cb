// What the kernel says of this process: its limits and capabilities.

import type { Machine } from './machine.js';

/** A soft limit of this process, by its name in /proc/self/limits. */
export function limitOf(machine: Machine, name: string): number {
  const line = machine
    .read('/proc/self/limits')
    ?.split('\n')
    .find((one) => one.startsWith(name));
  const [soft = 'unlimited'] = line?.slice(name.length).trim().split(/\s+/) ?? [];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** The bits of <linux/capability.h>. */
export const capabilities = { ipcLock: 14n, sysAdmin: 21n, sysNice: 23n, sysResource: 24n } as const;

/** Whether this process has a capability that counts for the kernel itself: not one of a user namespace. */
export function has(machine: Machine, capability: bigint): boolean {
  const digits = /^CapEff:\s*([0-9a-f]+)$/m.exec(machine.read('/proc/self/status') ?? '')?.[1] ?? '0';
  const initial = /^0\s+0\s+4294967295$/.test(machine.read('/proc/self/uid_map') ?? '');
  return initial && ((BigInt(`0x${digits}`) >> capability) & 1n) === 1n;
}
