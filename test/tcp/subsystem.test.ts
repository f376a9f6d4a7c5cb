// Several paths to one subsystem, over TCP: two targets that export one file under one NQN. One of them goes away and comes
// back while verified I/O at depth 32 goes on.

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Subsystem } from '../../lib/index.js';
import { codeOf } from '../integration/support/timing.js';
import { VerifiedLoad } from '../integration/support/verified-load.js';
import { isUp, only, twoTargets, until } from './two-targets.js';

const nqn = 'nqn.2026-11.dev.spdk-nvme:paths';
/** How long I/O may pause when a path is lost whose target says so; and when other programs have the processors. */
const pauseMs = 200;
const crowdedMs = 2_000;
/** Each target goes away once, or more often if other programs had the processors each time. */
const goesOn = (gaps: readonly number[]) =>
  gaps.length < 2 || (gaps.length < 6 && Math.min(...gaps) >= pauseMs);
const reconnectDelayMs = 100;
/** How soon I/O goes on when one of two lost paths is back, beside the delay of an attempt. */
const backMs = 1_000;

const two = twoTargets({ nqn });
const { start, stop, attach, targets } = two;

describe('two targets with one disk', () => {
  it('have one namespace, with the identifiers of the target', async () => {
    await using subsystem = await attach({});
    expect(subsystem.namespaces).toHaveLength(1);
    expect(only(subsystem).uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(subsystem.pathsOf(only(subsystem))).toHaveLength(2);
    expect(two.env.controllers).toHaveLength(2);
  });

  it.each([
    ['active-passive', 'threads'],
    ['active-active', 'threads'],
    ['active-active', 'inline'],
  ] as const)(
    '%s, %s: each is killed in turn, and I/O goes on within the bound',
    { timeout: 120_000 },
    async (policy, polling) => {
      await using subsystem = await attach({ policy, polling });
      const load = new VerifiedLoad(only(subsystem));
      const gaps: number[] = [];
      for (let i = 0; goesOn(gaps); i = 1 - i) {
        await load.progress(200);
        load.resetGap();
        await stop(i, 'SIGKILL');
        await until(() => subsystem.paths[i]?.state === 'reconnecting');
        await load.progress(200);
        gaps.push(load.longestGapMs);
        await start(i);
        await until(() => isUp(subsystem, i));
      }
      await load.progress(200);
      await load.expectClean(5_000);
      expect(Math.min(...gaps)).toBeLessThan(pauseMs);
      expect(Math.max(...gaps)).toBeLessThan(crowdedMs);
      await subsystem.detach();
      expect(two.env.controllers).toEqual([]);
    },
  );

  it('the subsystem is withdrawn from each in turn, and I/O goes on within the bound', {
    timeout: 60_000,
  }, async () => {
    await using subsystem = await attach({ policy: 'active-active', selector: 'queue-depth' });
    const load = new VerifiedLoad(only(subsystem));
    const gaps: number[] = [];
    for (let i = 0; goesOn(gaps); i = 1 - i) {
      await load.progress(200);
      load.resetGap();
      await targets[i]?.call('nvmf_delete_subsystem', { nqn });
      await until(() => subsystem.paths[i]?.state === 'reconnecting');
      await load.progress(200);
      gaps.push(load.longestGapMs);
      await stop(i, 'SIGKILL');
      await start(i);
      await until(() => isUp(subsystem, i));
    }
    await load.expectClean(5_000);
    expect(Math.min(...gaps)).toBeLessThan(pauseMs);
    expect(Math.max(...gaps)).toBeLessThan(crowdedMs);
  });

  it('both are killed: operations wait, and go on when either is back', { timeout: 60_000 }, async () => {
    await using subsystem = await attach({ reconnectDelayMs });
    const load = new VerifiedLoad(only(subsystem));
    const waits: number[] = [];
    for (const i of [1, 0]) {
      await load.progress(100);
      await Promise.all([stop(0, 'SIGKILL'), stop(1, 'SIGKILL')]);
      await until(() => only(subsystem).waiting === 32);
      await start(i);
      const back = performance.now();
      await load.progress(100);
      waits.push(performance.now() - back);
      await start(1 - i);
      await until(() => isUp(subsystem, 0) && isUp(subsystem, 1));
    }
    await load.expectClean(5_000);
    expect(Math.min(...waits)).toBeLessThan(reconnectDelayMs + backMs);
    // An attempt that began just before the target restarted takes another second.
    expect(Math.max(...waits)).toBeLessThan(reconnectDelayMs + backMs + crowdedMs);
  });

  it('both are killed, and restarted with another serial number: operations go on', {
    timeout: 60_000,
  }, async () => {
    await using subsystem = await attach({});
    const load = new VerifiedLoad(only(subsystem));
    await load.progress(100);
    await Promise.all([stop(0, 'SIGKILL'), stop(1, 'SIGKILL')]);
    await until(() => only(subsystem).waiting === 32);
    for (const i of [0, 1]) await start(i, { serial: 'RESTARTED' });
    await until(() => isUp(subsystem, 0) && isUp(subsystem, 1));
    await load.progress(100);
    await load.expectClean(5_000);
    await Promise.all([stop(0, 'SIGKILL'), stop(1, 'SIGKILL')]);
  });

  it('its path is exchanged for one that is not up yet, and I/O goes on over the same namespace', async () => {
    const [first, second] = two.ids as [string, string];
    await using subsystem = await two.env.attachSubsystem([first], { reconnectDelayMs });
    const namespace = only(subsystem);
    const load = new VerifiedLoad(namespace);
    for (const id of [second, first, second]) {
      await load.progress(100);
      const [before] = subsystem.paths as [Subsystem['paths'][number]];
      expect(subsystem.addPath(id).state).toBe('connecting');
      await subsystem.removePath(before);
    }
    await load.progress(100);
    await load.expectClean(5_000);
    expect(subsystem.namespaces).toEqual([namespace]);
  });

  it('detaches in time with one target frozen and one killed', { timeout: 60_000 }, async () => {
    await using subsystem = await attach({ policy: 'active-active' });
    const reads = Array.from({ length: 8 }, () =>
      codeOf(only(subsystem).read(Buffer.alloc(512), { offset: 0 }), 'ok'),
    );
    await Promise.all(reads);
    process.kill(targets[0]?.pid as number, 'SIGSTOP');
    await stop(1, 'SIGKILL');
    await until(() => subsystem.paths[1]?.state === 'reconnecting');
    const waiting = Array.from({ length: 8 }, () =>
      codeOf(only(subsystem).read(Buffer.alloc(512), { offset: 0 }), 'ok'),
    );
    const begun = performance.now();
    await subsystem.detach({ drainMs: 100, timeoutMs: 5_000 });
    const ms = performance.now() - begun;
    await stop(0, 'SIGKILL');
    expect(ms).toBeLessThan(4_000);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ERR_SPDK_DETACHING']));
  });

  it('both are killed: operations wait as long as the policy says, and the paths longer', {
    timeout: 60_000,
  }, async () => {
    // A target has to be back before its path has failed for good.
    const policy = { fastIoFailTimeoutMs: 500, ctrlrLossTimeoutMs: 5_000 };
    await using subsystem = await attach(policy);
    const load = new VerifiedLoad(only(subsystem));
    await load.progress(100);
    await load.expectClean(5_000);
    const lost = performance.now();
    await Promise.all([stop(0, 'SIGKILL'), stop(1, 'SIGKILL')]);
    const read = () => codeOf(only(subsystem).read(Buffer.alloc(512), { offset: 0 }), 'ok');
    expect(new Set(await Promise.all([read(), read()]))).toEqual(new Set(['ERR_SPDK_NO_PATH']));
    const waited = performance.now() - lost;
    expect(waited).toBeGreaterThan(policy.fastIoFailTimeoutMs - 50);
    expect(waited).toBeLessThan(policy.fastIoFailTimeoutMs + 2 * crowdedMs);
    expect(subsystem.paths.map(({ state }) => state)).toEqual(['reconnecting', 'reconnecting']);
    await start(0);
    await until(() => isUp(subsystem, 0));
    expect(await read()).toBe('ok');
    await until(() => subsystem.paths[1]?.state === 'failed');
    // From before the end of its process, which takes a while.
    const begun = performance.now();
    await stop(0, 'SIGKILL');
    await until(() => subsystem.paths[0]?.state === 'failed');
    expect(performance.now() - begun).toBeGreaterThan(policy.ctrlrLossTimeoutMs - 50);
    expect(await read()).toBe('ERR_SPDK_NO_PATH');
  });

  it('one comes back with another disk: it is used as a new namespace once the other one has failed for good', {
    timeout: 60_000,
  }, async () => {
    const other = path.join(two.folder, 'other-disk');
    fs.writeFileSync(other, Buffer.alloc(fs.statSync(two.backing).size));
    await using subsystem = await attach({ ctrlrLossTimeoutMs: 5_000 });
    const before = only(subsystem);
    await before.write(Buffer.alloc(512, 1), { offset: 0 });
    await stop(1, 'SIGKILL');
    await until(() => subsystem.paths[1]?.state === 'reconnecting');
    await start(1, { disk: { kind: 'file', path: other, blockSize: 512 }, identity: 'other-disk' });
    await until(() => isUp(subsystem, 1));
    expect(subsystem.namespaces).toEqual([before]);
    expect(subsystem.pathsOf(before)).toEqual([subsystem.paths[0]]);
    await stop(0, 'SIGKILL');
    await until(() => subsystem.paths[0]?.state === 'reconnecting');
    const waiting = codeOf(before.write(Buffer.alloc(512, 2), { offset: 0 }), 'ok');
    await until(() => subsystem.paths[0]?.state === 'failed');
    expect(await waiting).toBe('ERR_SPDK_NAMESPACE_GONE');
    const after = only(subsystem);
    expect([after === before, after.uuid === before.uuid]).toEqual([false, false]);
    await after.write(Buffer.alloc(512, 3), { offset: 0 });
    await after.flush();
    expect([fs.readFileSync(two.backing)[0], fs.readFileSync(other)[0]]).toEqual([1, 3]);
    await stop(1, 'SIGKILL');
  });

  it('a target that has another disk under the NQN is not used', { timeout: 60_000 }, async () => {
    await stop(1, 'SIGKILL');
    const other = path.join(two.folder, 'other');
    fs.writeFileSync(other, Buffer.alloc(fs.statSync(two.backing).size));
    await start(1, { serial: 'OTHER', disk: { kind: 'file', path: other, blockSize: 512 } });
    await using subsystem = await two.env.attachSubsystem(two.ids, { reconnectDelayMs });
    await until(() => subsystem.paths.some(({ state }) => state === 'failed'));
    const codes = subsystem.paths.flatMap(({ error }) => (error ? [error.code] : []));
    expect(codes).toEqual(['ERR_SPDK_FOREIGN_PATH']);
  });
});
