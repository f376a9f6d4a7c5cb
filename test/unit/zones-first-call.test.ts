// The first call for zones of a namespace over several paths, which asks a controller with an admin command.

import { expect, it, vi } from 'vitest';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();

it('the first call asks another path when the one that it asked is lost meanwhile', async () => {
  disk.subsystem.addNamespace(2, { blocks: 64, zones: { zoneBlocks: 8 } });
  const other = disk.simulation.addTarget({ traddr: '127.0.0.2' }).addSubsystem(disk.subsystem.nqn);
  for (const namespace of disk.subsystem.namespaces.values()) other.shareNamespace(namespace);
  const several = await disk.env.attachSubsystem([disk.subsystem.id, other.id], {
    ctrlrLossTimeoutMs: 1_000,
  });
  const shared = several.namespaces[1] as (typeof several.namespaces)[1];
  await vi.waitFor(() => expect(several.pathsOf(shared)).toHaveLength(2));
  const used = several.pathsOf(shared)[0]?.transportId.traddr;
  const target = used === '127.0.0.2' ? other.target : disk.target;
  target.silent = true;
  const info = shared.zones.info();
  await new Promise((resolve) => setTimeout(resolve, 10));
  target.dropLinks();
  expect(await info).toMatchObject({ zones: 8 });
  target.silent = false;
  await several.detach();
});
