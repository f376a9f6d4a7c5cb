// Link-local addresses, which belong to an interface: what is said without one, with one that this machine does not have, and
// of other addresses with one.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';

let env: Environment;
beforeAll(async () => {
  ensureHugepages(64);
  env = await Environment.init({ pollers: 1, memoryMb: 64 });
});
afterAll(() => env?.close());

const needsInterface = /link-local address needs its interface, as in fe80::1%eth0/;

it.each([
  ['fe80::1', {}, 'ERR_SPDK_UNREACHABLE', needsInterface],
  ['::1', { sourceAddress: 'fe80::1' }, 'ERR_SPDK_UNREACHABLE', needsInterface],
  ['fe80::1%nothere', {}, 'ERR_SPDK_INVALID_TRANSPORT_ID', /an interface of this machine/],
  ['::1%lo', {}, 'ERR_SPDK_INVALID_TRANSPORT_ID', /after others nothing/],
  [
    '::1',
    { sourceAddress: '::1%lo' },
    'ERR_SPDK_INVALID_ARG_VALUE',
    /sourceAddress ::1%lo .*after others nothing/,
  ],
  ['::1', { sourceAddress: 'fe80::1%nothere' }, 'ERR_SPDK_INVALID_ARG_VALUE', /sourceAddress .*an interface/],
])('an attach to %s with %j rejects with %s and says why', async (traddr, options, code, message) => {
  const id = { trtype: 'TCP', traddr, subnqn: 'nqn.2026-11.dev.spdk-nvme:link-local' } as const;
  const attached = env.attach(id, options);
  await expect(attached).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});
