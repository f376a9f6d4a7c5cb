// The identifiers that nvmf_tgt reports, as this package passes them on.

import os from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Environment } from '../../lib/index.js';
import { listenerId } from '../../scripts/target/config.js';
import { ensureHugepages } from '../../scripts/target/hugepages.js';
import { type SpdkTarget, startSpdkTarget } from '../../scripts/target/spdk-target.js';
import { limits } from '../integration/support/limits.js';
import { within } from '../integration/support/timing.js';

const listener = { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4473' } as const;
const nqn = 'nqn.2026-11.dev.spdk-nvme:named';

let target: SpdkTarget;
let env: Environment;

beforeAll(async () => {
  const disk = { kind: 'null', sizeMb: 16, blockSize: 512 } as const;
  const core = os.availableParallelism() - 1;
  target = await startSpdkTarget({ listener, core, subsystems: [{ nqn, serial: 'NAMED', disk }] });
  ensureHugepages(128);
  env = await Environment.init({ memoryMb: 128 });
});
afterAll(async () => {
  await env?.close();
  await target?.stop('SIGKILL');
});

it('a namespace has its UUID, NGUID and a name, the same after a reset', async () => {
  const controller = await within(limits.attach, env.attach(listenerId(listener, nqn)));
  const [ns] = controller.namespaces;
  expect(ns?.uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  // The target's configuration makes both of the same digits.
  expect(ns?.nguid).toBe(ns?.uuid.replaceAll('-', ''));
  expect(ns?.deviceId).toBe(`uuid.${ns?.uuid}`);
  expect(await controller.admin.namespaceDescriptors(1)).toEqual(
    expect.arrayContaining([
      { kind: 'nguid', type: 2, value: ns?.nguid },
      { kind: 'uuid', type: 3, value: ns?.uuid },
    ]),
  );
  await controller.reset();
  expect(controller.namespaces[0]?.deviceId).toBe(ns?.deviceId);
});
