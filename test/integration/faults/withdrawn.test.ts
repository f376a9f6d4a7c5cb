// The target withdraws a subsystem, or its port, while there is a load.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Environment } from '../../../lib/index.js';
import {
  addSubsystem,
  allow,
  disableNamespace,
  enableNamespace,
  withdraw,
} from '../../../scripts/target/kernel-target.js';
import { detachLeftovers, ids, open, subsystems } from '../support/fabric.js';
import { limits } from '../support/limits.js';
import { Bystander, Load } from '../support/load.js';
import { expectNothingHeld } from '../support/rdma.js';
import { release } from '../support/release.js';
import { rejection, within } from '../support/timing.js';

/** From v22.05 SPDK waits a second for the disconnect handshake of a queue pair before it aborts its commands. */
const handshake = () => (release() >= 2205 ? 1_000 : 0);

let env: Environment;
let bystander: Bystander;
beforeAll(async () => {
  env = await open({ pollers: 1 });
});
beforeEach(async () => {
  bystander = new Bystander(await env.attach(ids.disk1));
});
afterEach(async () => {
  // Remains of a test that failed half-way must not make the next one fail too.
  enableNamespace(disk.nqn, 1);
  allow(disk.nqn);
  await detachLeftovers(env);
});
afterAll(() => env.close());

const disk = subsystems.disk0;
const device = `/dev/${subsystems.disk1.namespaces[0]?.disk}`;
const nqn = 'nqn.2026-11.dev.spdk-nvme:withdrawn';

it.each([
  {
    what: 'a subsystem is taken off its port',
    make: () => {
      return {
        id: ids.disk0,
        remove: () => withdraw(disk.nqn),
        mend: () => {
          allow(disk.nqn);
          return () => {};
        },
      };
    },
  },
  {
    what: 'a subsystem is removed with its namespaces',
    make: () => {
      const add = () => addSubsystem(nqn, 'WITHDRAWN', [{ id: 1, device }]);
      return { id: ids.disk0.replace(subsystems.disk0.nqn, nqn), remove: add(), mend: add };
    },
  },
])(
  '$what: its controller fails, its I/O ends, it detaches in time, and is attached again',
  async ({ make }) => {
    const { id, remove, mend } = make();
    const controller = await env.attach(id, { ioQueues: 2 });
    const load = new Load(controller, { depth: 256 });
    await load.progress(32);
    const failed = new Promise((resolve) => controller.once('failed', resolve));
    remove();
    await within(limits.noticed, failed);
    load.stop();
    await load.expectAllEnd(limits.response + handshake());
    for (const code of load.codes.keys()) {
      expect(['ERR_SPDK_IO_FAILED', 'ERR_SPDK_CONTROLLER_FAILED']).toContain(code);
    }
    await within(limits.detach, controller.detach());
    await rejection('ERR_SPDK_CONNECT_REJECTED', limits.attach, env.attach(id));
    const cleanUp = mend();
    await within(limits.detach, (await within(limits.attach, env.attach(id))).detach());
    await bystander.expectUndisturbed(limits.stall);
    await detachLeftovers(env);
    await expectNothingHeld(limits.noticed);
    cleanUp();
  },
);

it('is not undone by a namespace that changes in the same moment, whichever', {
  timeout: 120_000,
}, async () => {
  for (let i = 0; i < 20; i++) {
    const controller = await within(limits.attach, env.attach(ids.disk0, { ioQueues: 1 }));
    const failed = new Promise((resolve) => controller.once('failed', resolve));
    disableNamespace(disk.nqn, 1);
    await sleep((i % 10) / 2);
    withdraw(disk.nqn);
    await within(limits.noticed, failed);
    await within(limits.detach, controller.detach());
    enableNamespace(disk.nqn, 1);
    allow(disk.nqn);
  }
  await bystander.expectUndisturbed(limits.stall);
  await detachLeftovers(env);
  await expectNothingHeld(limits.noticed);
});
