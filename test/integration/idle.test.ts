import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ownThreads, totalSleeps } from '../support/own-threads.js';
import { ids, open } from './support/fabric.js';

it('over RDMA one wake-up polls the admin queues of all controllers, and none the I/O queues', async () => {
  const env = await open({ pollers: 1 });
  for (let i = 0; i < 8; i++) {
    await env.attach(i % 2 === 0 ? ids.disk0 : ids.disk1, { hostNqn: `nqn.2026-11.dev.spdk-nvme:idle${i}` });
    // So that their polls do not begin together.
    await sleep(30);
  }
  const fewest = { 'spdk-control': Number.POSITIVE_INFINITY, 'spdk-poll-0': Number.POSITIVE_INFINITY };
  const names = Object.keys(fewest) as (keyof typeof fewest)[];
  const count = (name: string) => totalSleeps(ownThreads().filter((thread) => thread.name === name));
  // It takes some rounds until they are polled together, and other programs may hold a thread up.
  for (let round = 0; round < 10 && (fewest['spdk-control'] > 12 || fewest['spdk-poll-0'] > 1); round++) {
    const before = names.map(count);
    await sleep(1_000);
    for (const [i, name] of names.entries())
      fewest[name] = Math.min(fewest[name], count(name) - (before[i] ?? 0));
  }
  expect(fewest['spdk-control']).toBeLessThanOrEqual(12);
  expect(fewest['spdk-poll-0']).toBeLessThanOrEqual(1);
  await env.close();
});
