import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../lib/index.js';
import { addSubsystem, readSubsystem } from '../../scripts/target/kernel-target.js';
import { open, subsystems } from './support/fabric.js';
import { askKernel, discover } from './support/kernel-initiator.js';
import { type KernelPath, kernelPaths } from './support/kernel-paths.js';
import { expectNothingHeld } from './support/rdma.js';

/** Namespace ids with gaps, one namespace with an identifier and one without, a text that is not ASCII's only. */
const sparse = {
  ...subsystems.disk0,
  nqn: `${subsystems.disk0.nqn}-sparse-é`,
  serial: 'SPARSE 7',
};
const nguid = '6b6ad1ce-7d3c-4f0e-9c1e-02a1f6b3c4d5';

let env: Environment;
let removeSparse: (() => void) | undefined;
beforeAll(async () => {
  const namespaces = [
    { id: 3, device: '/dev/fabric0', nguid },
    { id: 1000, device: '/dev/fabric1' },
  ];
  const on = [kernelPaths.rdma.port, kernelPaths.tcp.port];
  removeSparse = addSubsystem(sparse.nqn, sparse.serial, namespaces, on);
  env = await open();
});
afterAll(async () => {
  await env.close();
  removeSparse?.();
});

describe.each([
  { name: 'disk0', subsystem: subsystems.disk0, path: kernelPaths.rdma },
  { name: 'disk1', subsystem: subsystems.disk1, path: kernelPaths.rdma },
  { name: 'sparse', subsystem: sparse, path: kernelPaths.rdma },
  { name: 'disk0', subsystem: subsystems.disk0, path: kernelPaths.tcp },
  { name: 'sparse', subsystem: sparse, path: kernelPaths.tcp },
])('what the controller of $name says of itself over $path.name', ({ subsystem, path }) => {
  it('is what the target was configured to say', async () => {
    const configured = readSubsystem(subsystem.nqn);
    const { info, namespaces, detach } = await attach(subsystem, path);
    expect(info.serial).toBe(configured.serial);
    expect(info.model).toBe(configured.model);
    expect(info.subsystemNqn).toBe(subsystem.nqn);
    expect(namespaces.map(({ id, blockSize, bytes, nguid }) => ({ id, blockSize, bytes, nguid }))).toEqual(
      configured.namespaces,
    );
    await detach();
  });

  it("is what the kernel's own initiator hears", async () => {
    const { info, namespaces, detach } = await attach(subsystem, path);
    const ids = namespaces.map(({ id }) => id);
    const kernel = await askKernel(subsystem.nqn, ids, path.port);
    expect({
      serial: info.serial,
      model: info.model,
      firmware: info.firmware,
      subsystemNqn: info.subsystemNqn,
      vendorId: info.vendorId,
      version: info.version,
      mdts: info.mdts,
      maxNamespaces: info.maxNamespaces,
    }).toEqual({
      serial: kernel.controller.sn.trimEnd(),
      model: kernel.controller.mn.trimEnd(),
      firmware: kernel.controller.fr.trimEnd(),
      subsystemNqn: kernel.controller.subnqn,
      vendorId: kernel.controller.vid,
      version: kernel.controller.ver,
      mdts: kernel.controller.mdts,
      maxNamespaces: kernel.controller.nn,
    });
    // Both were connected at the same time, so they are two controllers of one subsystem.
    expect(info.cntlid).not.toBe(kernel.controller.cntlid);
    const [smallestPage, most] = [4096, info.maxTransferBytes];
    expect(most).toBeGreaterThan(0);
    if (info.mdts > 0) expect(most).toBeLessThanOrEqual(smallestPage * 2 ** info.mdts);

    for (const namespace of namespaces) {
      const identified = kernel.namespaces.get(namespace.id);
      if (!identified) throw new Error(`the kernel does not know namespace ${namespace.id}`);
      const format = identified.lbafs[identified.flbas & 15];
      const reported = (identified.nsfeat & 16) !== 0;
      const size = (blocks: number) => (reported ? (blocks + 1) * namespace.blockSize : 0);
      const { oncs } = kernel.controller;
      expect({
        blocks: namespace.blocks,
        blockSize: namespace.blockSize,
        metadataSize: namespace.metadataSize,
        nguid: namespace.nguid.padStart(32, '0'),
        eui64: namespace.eui64.padStart(16, '0'),
        protectionType: namespace.protection.type,
        optimal: namespace.optimal,
        compare: namespace.supports.compare,
        deallocate: namespace.supports.deallocate,
        writeZeroes: namespace.supports.writeZeroes,
      }).toEqual({
        blocks: identified.nsze,
        blockSize: 2 ** (format?.ds ?? 0),
        metadataSize: format?.ms,
        nguid: identified.nguid,
        eui64: identified.eui64,
        protectionType: identified.dps & 7,
        optimal: {
          ioBoundary: identified.noiob * namespace.blockSize,
          writeGranularity: size(identified.npwg),
          writeAlignment: size(identified.npwa),
          deallocateGranularity: size(identified.npdg),
          deallocateAlignment: size(identified.npda),
          writeSize: size(identified.nows),
        },
        compare: (oncs & 1) !== 0,
        deallocate: (oncs & 4) !== 0,
        writeZeroes: (oncs & 8) !== 0,
      });
    }
    await detach();
  });
});

it.each(Object.values(kernelPaths))(
  'over $name every subsystem is attached that nvme discover finds there',
  async ({ id, port }) => {
    const found = await discover(port);
    const wanted = [subsystems.disk0, subsystems.disk1, ...subsystems.many.slice(0, 2)];
    expect(found).toEqual(expect.arrayContaining(wanted.map(({ nqn }) => nqn)));
    const controllers = await Promise.all(wanted.map((subsystem) => env.attach(id(subsystem))));
    expect(controllers.map(({ info }) => info.subsystemNqn)).toEqual(wanted.map(({ nqn }) => nqn));
    await Promise.all(controllers.map((controller) => controller.detach()));
  },
);

it('cannot be changed by its reader', async () => {
  const { controller, detach } = await attach(subsystems.disk0);
  for (const object of [
    controller.info,
    controller.namespaces,
    controller.namespaces[0],
    controller.queuePairs,
  ]) {
    expect(Object.isFrozen(object)).toBe(true);
  }
  await detach();
  await expectNothingHeld();
});

async function attach(subsystem: typeof subsystems.disk0, path: KernelPath = kernelPaths.rdma) {
  const controller = await env.attach(path.id(subsystem), { ioQueues: 2 });
  const { info, namespaces } = controller;
  return { controller, info, namespaces, detach: () => controller.detach() };
}
