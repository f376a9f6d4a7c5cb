import { FabricError } from './errors.js';
import { fabricIsUp, hostCanMakeFabric } from './host.js';

export type FabricMode = { kind: 'vm' } | { kind: 'host'; device?: string };

/**
 * The value of SPDK_NVME_FABRIC: `vm`, `host` (soft-RoCE on this machine), `host:DEVICE` (one of its RDMA devices).
 */
export function parseMode(value: string | undefined): FabricMode | 'auto' {
  if (!value || value === 'auto') return 'auto';
  if (value === 'vm' || value === 'host') return { kind: value };
  const device = /^host:([\w.-]+)$/.exec(value)?.[1];
  if (device) return { kind: 'host', device };
  throw new FabricError(`SPDK_NVME_FABRIC is '${value}': it must be vm, host, host:DEVICE or auto`);
}

export async function fabricMode(env: NodeJS.ProcessEnv = process.env): Promise<FabricMode> {
  const mode = parseMode(env.SPDK_NVME_FABRIC);
  if (mode !== 'auto') return mode;
  return { kind: (await fabricIsUp()) || (await hostCanMakeFabric()) ? 'host' : 'vm' };
}
