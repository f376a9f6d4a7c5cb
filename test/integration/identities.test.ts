// Several controllers of one subsystem, each as another host or from another address, and controllers without I/O queues, over RDMA with
// the kernel's target.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { AttachOptions, Controller, Environment } from '../../lib/index.js';
import { discoveryNqn } from '../../lib/options/nqn.js';
import { addSubsystem, admitOnly } from '../../scripts/target/kernel-target.js';
import { pollings } from './support/each-polling.js';
import { detachLeftovers, link, open, subsystems, transportId } from './support/fabric.js';
import { limits } from './support/limits.js';
import { expectNothingHeld } from './support/rdma.js';
import { rejection, within } from './support/timing.js';

const nqn = `${subsystems.disk0.nqn}-shared`;
const device = `/dev/${subsystems.disk0.namespaces[0]?.disk}`;
const hosts = ['alice', 'bob', 'carol'].map((name) => `nqn.2026-11.dev.spdk-nvme:host-${name}`);
const [alice = '', bob = ''] = hosts;

let env: Environment;
let removeSubsystem: () => void;
beforeAll(async () => {
  env = await open();
});
beforeEach(() => {
  removeSubsystem = addSubsystem(nqn, 'SHARED', [{ id: 1, device }]);
});
afterEach(async () => {
  await detachLeftovers(env);
  removeSubsystem();
  await expectNothingHeld();
});
afterAll(() => env.close());

const attach = (options: AttachOptions) =>
  within(limits.attach, env.attach(transportId(nqn), { ioQueues: 2, ...options }));

/** The controller's host as the target sees it: Get Features, Host Identifier, in its extended form. */
async function hostIdAtTarget(controller: Controller): Promise<string> {
  const { data } = await controller.admin.send({ opcode: 0x0a, cdw: [0x81, 1], dataLength: 16 });
  return data.toString('hex');
}

async function works(controller: Controller, byte: number): Promise<void> {
  const [namespace] = controller.namespaces;
  const block = Buffer.alloc(512, byte);
  await namespace?.write(block, { offset: byte * 512 });
  expect((await namespace?.read(Buffer.alloc(512), { offset: byte * 512 }))?.equals(block)).toBe(true);
}

it.each(pollings)('one subsystem is attached as several hosts at once, polling %s', async (polling) => {
  const controllers = await Promise.all(hosts.map((hostNqn) => attach({ hostNqn, polling })));
  expect(new Set(controllers.map(({ info }) => info.cntlid)).size).toBe(hosts.length);
  for (const [i, controller] of controllers.entries()) {
    expect(controller.hostNqn).toBe(hosts[i]);
    expect(await hostIdAtTarget(controller)).toBe(controller.hostId.replaceAll('-', ''));
    await works(controller, i);
  }
  await rejection(
    'ERR_SPDK_ALREADY_ATTACHED',
    limits.response,
    env.attach(transportId(nqn), { hostNqn: alice }),
  );
});

it('each reconnects as the same host: the target accepts one of them, and rejects the other', async () => {
  const [a, b] = await Promise.all([attach({ hostNqn: alice }), attach({ hostNqn: bob })]);
  admitOnly(nqn, [bob]);
  await works(a, 1);
  await rejection('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, a.reset());
  await within(limits.attach, b.reset());
  await works(b, 2);
  await a.detach();
  await works(b, 3);
  expect(await hostIdAtTarget(b)).toBe(b.hostId.replaceAll('-', ''));
});

it('one host attaches it from two addresses', async () => {
  const addresses = link.addresses.slice(0, 2).map((address) => address.split('/')[0] as string);
  const controllers = await Promise.all(
    addresses.map((sourceAddress) => attach({ hostNqn: alice, sourceAddress })),
  );
  expect(new Set(controllers.map(({ info }) => info.cntlid)).size).toBe(2);
  await controllers[0]?.detach();
  await works(controllers[1] as Controller, 4);
});

it('discovery controllers are rejected, by the well-known NQN and by the target’s own', async () => {
  const file = '/sys/kernel/config/nvmet/discovery_nqn';
  const names = [discoveryNqn];
  const before = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  if (before !== undefined) {
    names.push('nqn.2026-11.dev.spdk-nvme:discovery');
    writeFileSync(file, names[1] as string);
  }
  try {
    for (const name of names) {
      for (const polling of pollings) {
        const attached = env.attach(transportId(name), { polling });
        const error = await rejection('ERR_SPDK_NOT_IO_CONTROLLER', limits.attach, attached);
        expect(error.message).toMatch(/a discovery controller/);
      }
    }
  } finally {
    if (before !== undefined) writeFileSync(file, before);
  }
  console.log(`discovery NQNs rejected: ${names.join(', ')}`);
});
