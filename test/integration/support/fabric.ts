import { existsSync } from 'node:fs';
import { Environment, type EnvironmentOptions } from '../../../lib/index.js';
import {
  type FabricSubsystem,
  closedPort as fabricClosedPort,
  link,
  ports,
  subsystems,
  transportId,
} from '../../../scripts/fabric/topology.js';

export { allowedHost, link, ports, subsystems, transportId } from '../../../scripts/fabric/topology.js';

if (!existsSync(`/sys/class/infiniband/${link.rdmaDevice}`)) {
  throw new Error('These tests need the fabric; run them with: npm run test:integration');
}

/** SPDK's string for a subsystem on one of the target's ports; RDMA over IPv4 unless said otherwise. */
export function idOf(subsystem: FabricSubsystem, port?: (typeof ports)[keyof typeof ports]): string {
  return transportId(subsystem.nqn, port);
}

export const ids = {
  disk0: idOf(subsystems.disk0),
  disk1: idOf(subsystems.disk1),
  narrow: idOf(subsystems.narrow),
  private: idOf(subsystems.private),
  wrongNqn: transportId('nqn.2026-11.dev.spdk-nvme:nobody'),
  wrongPort: idOf(subsystems.disk0).replace(ports.rdma.trsvcid, fabricClosedPort),
} as const;

/** An id at an address that no machine has. Different subsystems make different ids. */
export function unreachable(subsystem: FabricSubsystem = subsystems.disk0): string {
  return idOf(subsystem).replace(ports.rdma.traddr, link.unreachableAddress);
}

let warm = false;

/**
 * An environment of the size these tests need; the fabric has 512 MiB of hugepages for all processes. The first
 * attach of a process also loads the verbs' libraries and touches all memory, which no test should have to time.
 */
export async function open(options: EnvironmentOptions = {}): Promise<Environment> {
  const env = await Environment.init({ pollers: 2, memoryMb: 128, ...options });
  if (!warm) await (await env.attach(ids.disk0, { timeoutMs: 30_000 })).detach({ timeoutMs: 30_000 });
  warm = true;
  return env;
}

/** What a test that failed half-way has left attached must not make the next one fail too. */
export async function detachLeftovers(env: Environment): Promise<void> {
  await Promise.all(env.controllers.map((controller) => controller.detach()));
}
