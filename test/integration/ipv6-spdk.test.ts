// SPDK's own target over RDMA and IPv6. A smaller selection than the kernel's target has (attach-kernel.test.ts), since
// v20.07's takes seconds to release each RDMA connection.

import os from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ports } from '../../scripts/fabric/topology.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { Random } from '../../scripts/testing/random.js';
import { eachPolling } from './support/each-polling.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { within } from './support/timing.js';

const listener = { trtype: 'RDMA', traddr: ports.rdma6.traddr, trsvcid: '4475' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:sixth';

let target: SpdkTarget;
let env: Environment;
beforeAll(async () => {
  const disk = { kind: 'malloc', sizeMb: 16, blockSize: 512 } as const;
  const core = os.availableParallelism() - 1;
  const subsystems = [{ nqn, serial: 'SIXTH', disk }];
  target = await startSpdkTarget({ listener, core, sharedBuffers: 511, subsystems });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

// At the same time, each with an eighth of the disk.
it('is attached, written, read and detached, however it is polled', async () => {
  await eachPolling(async (polling, i) => {
    const hostNqn = `nqn.2026-11.dev.spdk-nvme:host-${polling}`;
    const options = { polling, hostNqn, ioQueues: 2, timeoutMs: limits.start };
    const controller = await within(limits.start, env.attach(listenerId(listener, nqn), options));
    expect(controller.transportId).toMatchObject({ adrfam: 'IPv6', traddr: listener.traddr });
    const [ns] = controller.namespaces;
    const written = new Random(1 + i).bytes(1 << 20);
    const offset = 512 + i * (2 << 20);
    await ns?.write(written, { offset });
    const read = await ns?.read(Buffer.alloc(written.length), { offset });
    expect(read?.equals(written)).toBe(true);
    await within(limits.detach, controller.detach());
  });
  await expectNothingHeld(limits.noticed);
});
