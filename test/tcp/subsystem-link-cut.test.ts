// The link to one of two targets is cut under verified I/O at depth 32: when I/O goes on over the other path.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { limits } from '../integration/support/limits.js';
import { within } from '../integration/support/timing.js';
import { VerifiedLoad } from '../integration/support/verified-load.js';
import { cuts, far, layLink } from './cut-link.js';
import { isUp, only, twoTargets, until } from './two-targets.js';

layLink();
const two = twoTargets({
  nqn: 'nqn.2026-11.dev.spdk-nvme:cut',
  listeners: [
    { trtype: 'TCP', traddr: far.address, trsvcid: '4471' },
    { trtype: 'TCP', traddr: '127.0.0.1', trsvcid: '4472' },
  ],
  firstIn: far.namespace,
});
const keepAliveMs = 1_000;
/** Beside the keep-alive timeout: a second, and another one while other programs have the processors. */
const margin = { second: 1_000, crowded: 1_000 } as const;
const ways = Object.keys(cuts) as (keyof typeof cuts)[];

it('I/O goes on after the keep-alive timeout, and the path comes back', async () => {
  await using subsystem = await two.attach({ keepAliveMs });
  subsystem.prefer(subsystem.paths[0]);
  const load = new VerifiedLoad(only(subsystem));
  const gaps: number[] = [];
  for (const way of ways) {
    await load.progress(200);
    const failedOver = once(subsystem, 'failover');
    const gap = await load.gapIn(async () => {
      await cuts[way].cut();
      await failedOver;
    });
    // The path must have been lost: otherwise the cut went unnoticed.
    expect(gap, way).toBeGreaterThan(keepAliveMs / 2);
    gaps.push(gap);
    await cuts[way].mend();
    await until(() => isUp(subsystem, 0));
  }
  await load.progress(200);
  await load.expectClean(5_000);
  expect(Math.min(...gaps)).toBeLessThan(keepAliveMs + margin.second);
  expect(Math.max(...gaps)).toBeLessThan(keepAliveMs + margin.second + margin.crowded);
});

it.each(ways)('%s: it is detached in time before the cut is noticed', async (way) => {
  await using subsystem = await two.attach({ keepAliveMs: 10_000 });
  subsystem.prefer(subsystem.paths[0]);
  const load = new VerifiedLoad(only(subsystem));
  await load.progress(100);
  await cuts[way].cut();
  await sleep(100);
  expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
  await within(limits.detach, subsystem.detach({ drainMs: 100 }));
  await load.stop();
  expect(two.env.controllers).toEqual([]);
  await cuts[way].mend();
});
