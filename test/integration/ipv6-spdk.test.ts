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
  target = await startSpdkTarget({ listener, core, subsystems: [{ nqn, serial: 'SIXTH', disk }] });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
});
afterAll(async () => {
  await env?.close();
  await target?.stop();
});

it.each(['threads', 'inline', 'adaptive'] as const)(
  'is attached, written, read and detached, polled by %s',
  async (polling) => {
    const attached = env.attach(listenerId(listener, nqn), { polling, ioQueues: 2, timeoutMs: limits.start });
    const controller = await within(limits.start, attached);
    expect(controller.transportId).toMatchObject({ adrfam: 'IPv6', traddr: listener.traddr });
    const [ns] = controller.namespaces;
    const written = new Random(1).bytes(1 << 20);
    await ns?.write(written, { offset: 512 });
    const read = await ns?.read(Buffer.alloc(written.length), { offset: 512 });
    expect(read?.equals(written)).toBe(true);
    await within(limits.detach, controller.detach());
    await expectNothingHeld(limits.noticed);
  },
);
