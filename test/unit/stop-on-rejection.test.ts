// A target that rejects a reconnect permanently, and one that may accept it later.

import { expect, it } from 'vitest';
import type { Controller } from '../../lib/index.js';
import { simulatedDisk } from './memory/simulated-disk.js';

const disk = simulatedDisk();

const policy = { ctrlrLossTimeoutMs: 1_500, reconnectDelayMs: 20 };
const notAllowed = { code: 'ERR_SPDK_CONNECT_REJECTED', message: 'no', sct: 1, sc: 0x84, dnr: true } as const;
const busy = { ...notAllowed, sc: 0x81, dnr: false };

async function attemptsOf(options: object, rejection: typeof busy | typeof notAllowed): Promise<number> {
  const controller: Controller = await disk.env.attach(disk.subsystem.id, { ...policy, ...options });
  const failed = new Promise<unknown>((resolve) => controller.once('failed', resolve));
  let attempts = 0;
  controller.on('reconnectFailed', () => attempts++);
  disk.target.rejection = rejection;
  disk.target.dropLinks();
  expect(await failed).toMatchObject({
    code: 'ERR_SPDK_CONNECT_REJECTED',
    nvmeStatus: { dnr: rejection.dnr },
  });
  return attempts;
}

it('attempts end at the first rejection for good, if the policy says so', async () => {
  expect(await attemptsOf({ stopOnRejection: true }, notAllowed)).toBe(1);
});

it('and go on otherwise', async () => {
  expect(await attemptsOf({}, notAllowed)).toBeGreaterThan(3);
});

it('and after a status that allows for it', async () => {
  expect(await attemptsOf({ stopOnRejection: true }, busy)).toBeGreaterThan(3);
});

it.each([
  [notAllowed, 'failed'],
  [busy, 'connecting'],
] as const)(
  'a path of a subsystem that has never been up is treated in the same way (%j)',
  async (rejection, state) => {
    const other = disk.simulation.addTarget({ traddr: '127.0.0.2' });
    other.rejection = rejection;
    const id = other.addSubsystem(disk.subsystem.nqn).id;
    const subsystem = await disk.env.attachSubsystem([disk.subsystem.id, id], {
      reconnectDelayMs: 20,
      stopOnRejection: true,
    });
    const path = subsystem.paths[1];
    await expect
      .poll(() => path?.error, { interval: 2 })
      .toMatchObject({ code: 'ERR_SPDK_CONNECT_REJECTED' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(path?.state).toBe(state);
  },
);
