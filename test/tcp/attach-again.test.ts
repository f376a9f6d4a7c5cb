// A controller that is attached again and again: by a program that cancels attaches and tries again, and for as long as a program runs.

import { expect, it } from 'vitest';
import { codeOf } from '../integration/support/timing.js';
import { localTarget } from './local-target.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:again';
/** Without it each attach reads the host's files first. */
const host = { hostNqn: 'nqn.2026-11.dev.spdk-nvme:host', hostId: '00000000-0000-4000-8000-000000000001' };
const local = localTarget({
  port: '4465',
  subsystems: [{ nqn, serial: 'AGAIN', disk: { kind: 'null', sizeMb: 16, blockSize: 512 } }],
});

it('immediately after an attach that was cancelled, at any moment', async () => {
  const outcomes = new Set<string>();
  for (let ms = 0; ms < 40; ms += 2) {
    const first = codeOf(local.env.attach(local.id(nqn), { signal: AbortSignal.timeout(ms) }));
    if ((await first) !== 'none') outcomes.add(await codeOf(local.env.attach(local.id(nqn))));
    await Promise.all(local.env.controllers.map((controller) => controller.detach()));
  }
  expect(outcomes).toEqual(new Set(['none']));
});

it('while a detach has just been called', async () => {
  const outcomes = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const controller = await local.env.attach(local.id(nqn), host);
    const reset = codeOf(i % 2 ? controller.reset() : controller.admin.identify());
    const detached = controller.detach();
    outcomes.add(await codeOf(local.env.attach(local.id(nqn), host)));
    await Promise.all([detached, reset]);
    await Promise.all(local.env.controllers.map((one) => one.detach()));
  }
  // A detach may also have ended by then.
  outcomes.delete('none');
  expect(outcomes).toEqual(new Set(['ERR_SPDK_DETACHING']));
});

it('takes no more DMA memory each time', async () => {
  const used = async (attaches: number) => {
    for (let i = 0; i < attaches; i++) {
      await using controller = await local.env.attach(local.id(nqn));
      await controller.reset();
    }
    return local.env.stats().memory.usedBytes;
  };
  const before = await used(1);
  expect(await used(4)).toBe(before);
});
