// The faults of a soak over one path.

import { setTimeout as sleep } from 'node:timers/promises';
import { allSubsystems } from '../fabric/topology.js';
import {
  admitHosts,
  allow,
  disableNamespace,
  enableNamespace,
  rejectHosts,
  withdraw,
} from '../target/kernel-target.js';
import type { Random } from '../testing/random.js';
import { type Fault, type FaultKind, nextFault } from './plan.js';
import { nqnOf } from './targets.js';

/** Causes a fault at the kernel's target, and returns the function that ends it. */
function inflict({ kind, client }: Fault): () => void {
  const nqn = nqnOf(client);
  switch (kind) {
    case 'subsystem-withdrawn':
      withdraw(nqn);
      return () => allow(nqn);
    case 'port-closed':
      for (const subsystem of allSubsystems) withdraw(subsystem.nqn);
      return () => {
        for (const subsystem of allSubsystems) allow(subsystem.nqn);
      };
    case 'hosts-rejected':
      rejectHosts(nqn);
      return () => admitHosts(nqn);
    case 'namespace-removed':
      disableNamespace(nqn, 1);
      return () => enableNamespace(nqn, 1);
  }
}

/** Disturbs the target until the signal fires. When the promise settles, the target is as it was before. */
export async function disturb(
  random: Random,
  clients: number,
  signal: AbortSignal,
  report: (kind: FaultKind) => void,
): Promise<void> {
  while (!signal.aborted) {
    const fault = nextFault(random, clients);
    await pause(fault.afterMs, signal);
    if (signal.aborted) return;
    const undo = inflict(fault);
    report(fault.kind);
    try {
      await pause(fault.forMs, signal);
    } finally {
      undo();
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
