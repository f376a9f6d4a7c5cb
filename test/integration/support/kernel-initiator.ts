import { hostname } from 'node:os';
import type { FabricPort } from '../../../scripts/fabric/topology.js';
import { run } from './run.js';

function addressOf({ trtype, traddr, trsvcid }: FabricPort): string[] {
  return ['-t', trtype, '-a', traddr, '-s', trsvcid];
}

/** The kernel's initiator over RDMA is loaded at boot, that over TCP when it is wanted. */
async function loadInitiator({ trtype }: FabricPort): Promise<void> {
  await run('modprobe', [`nvme-${trtype}`]);
}

/** The NQNs of the subsystems that nvme-cli finds at a port of the target. */
export async function discover(port: FabricPort): Promise<string[]> {
  await loadInitiator(port);
  const { records } = JSON.parse(await run('nvme', ['discover', ...addressOf(port), '-o', 'json'])) as {
    records: { subnqn: string }[];
  };
  return records.map(({ subnqn }) => subnqn);
}

/** Identify Controller as nvme-cli prints it; the fields that are compared. */
export interface IdentifiedController {
  readonly vid: number;
  readonly sn: string;
  readonly mn: string;
  readonly fr: string;
  readonly mdts: number;
  readonly cntlid: number;
  readonly ver: number;
  readonly nn: number;
  readonly oncs: number;
  readonly subnqn: string;
}

/** Identify Namespace likewise. */
export interface IdentifiedNamespace {
  readonly nsze: number;
  readonly nsfeat: number;
  readonly flbas: number;
  readonly dps: number;
  readonly noiob: number;
  readonly npwg: number;
  readonly npwa: number;
  readonly npdg: number;
  readonly npda: number;
  readonly nows: number;
  readonly nguid: string;
  readonly eui64: string;
  readonly lbafs: readonly { readonly ds: number; readonly ms: number }[];
}

/** Attaches a subsystem with the kernel's own initiator, independently of this package. */
export async function askKernel(
  nqn: string,
  nsids: readonly number[],
  port: FabricPort,
): Promise<{ controller: IdentifiedController; namespaces: Map<number, IdentifiedNamespace> }> {
  await loadInitiator(port);
  const host = ['--hostnqn', `nqn.2014-08.org.nvmexpress:${hostname()}`];
  const address = [...addressOf(port), '-n', nqn];
  const { device } = JSON.parse(await run('nvme', ['connect', ...address, ...host, '-o', 'json']));
  try {
    const controller = JSON.parse(await run('nvme', ['id-ctrl', `/dev/${device}`, '-o', 'json']));
    const namespaces = new Map<number, IdentifiedNamespace>();
    for (const nsid of nsids) {
      const args = ['id-ns', `/dev/${device}`, '-n', String(nsid), '-o', 'json'];
      namespaces.set(nsid, JSON.parse(await run('nvme', args)));
    }
    return { controller, namespaces };
  } finally {
    await run('nvme', ['disconnect', '-d', device]);
  }
}
