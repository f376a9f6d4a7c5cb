import { existsSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { allSubsystems, ports } from '../fabric/topology.js';
import type { Random } from '../testing/random.js';
import { type Fault, type FaultKind, nextFault } from './plan.js';
import { nqnOf } from './targets.js';

const nvmet = '/sys/kernel/config/nvmet';
const folderOf = (nqn: string) => `${nvmet}/subsystems/${nqn}`;
const linkOf = (nqn: string) => `${nvmet}/ports/${ports.rdma.id}/subsystems/${nqn}`;

function withdraw(nqn: string): void {
  if (existsSync(linkOf(nqn))) unlinkSync(linkOf(nqn));
}

function allow(nqn: string): void {
  if (!existsSync(linkOf(nqn))) symlinkSync(folderOf(nqn), linkOf(nqn));
}

/** Does a fault to the kernel's target, and gives the way back. */
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
    case 'hosts-refused':
      writeFileSync(`${folderOf(nqn)}/attr_allow_any_host`, '0');
      return () => writeFileSync(`${folderOf(nqn)}/attr_allow_any_host`, '1');
    case 'namespace-removed':
      writeFileSync(`${folderOf(nqn)}/namespaces/1/enable`, '0');
      return () => writeFileSync(`${folderOf(nqn)}/namespaces/1/enable`, '1');
  }
}

/** Disturbs the target until the signal fires; everything is as it was when the promise settles. */
export async function disturb(
  random: Random,
  clients: number,
  signal: AbortSignal,
  tell: (kind: FaultKind) => void,
): Promise<void> {
  while (!signal.aborted) {
    const fault = nextFault(random, clients);
    await pause(fault.afterMs, signal);
    if (signal.aborted) return;
    const mend = inflict(fault);
    tell(fault.kind);
    try {
      await pause(fault.forMs, signal);
    } finally {
      mend();
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
