// Raw commands, which must not be sent twice, are not sent at all once their calls have ended: not by the next connection either.

import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { codeOf } from '../integration/support/timing.js';
import { attachDisk, closeDisk, type Disk } from './memory/disk.js';

let disk: Disk;
afterEach(() => closeDisk(disk));

/** A disk whose connection is lost, until the function is called. */
async function lost(): Promise<() => Promise<unknown>> {
  disk = await attachDisk({ ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 5 });
  const { target } = disk.fixture;
  target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing there' };
  target.dropLinks();
  await once(disk.controller, 'reconnectFailed');
  return () => {
    target.rejection = undefined;
    return once(disk.controller, 'reset');
  };
}

it('when their time is over, or their signal fires', async () => {
  const reconnect = await lost();
  const { reservations } = disk.ns;
  const aborter = new AbortController();
  const calls = [
    codeOf(reservations.register(1n, { timeoutMs: 20 })),
    codeOf(disk.ns.copy({ offset: 0, length: 512 }, { offset: 512, signal: aborter.signal })),
  ];
  disk.memory.data.fill(7, 0, 512);
  setTimeout(() => aborter.abort(), 20);
  expect(await Promise.all(calls)).toEqual(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_ABORTED']);
  await reconnect();
  expect(await reservations.report()).toMatchObject({ registrants: [] });
  expect(disk.memory.data[512]).toBe(0);
});

it('and others are', async () => {
  const reconnect = await lost();
  const registered = disk.ns.reservations.register(1n);
  await reconnect();
  await registered;
  expect(await disk.ns.reservations.report()).toMatchObject({ registrants: [{ key: 1n }] });
});
