import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AttachOptions, Controller, Environment } from '../../../lib/index.js';
import { ensureHugepages } from '../../../scripts/target/hugepages.js';
import { limits } from '../support/limits.js';
import { codeOf, rejection, timed, within } from '../support/timing.js';
import { memoryMb } from './target.js';

/** The properties that a target must have for these tests. */
export interface AttachTarget {
  /** The ids of two of its subsystems. */
  readonly ids: readonly [string, string];
  /** The properties that their controllers report. */
  readonly serials: readonly [string, string];
  /** A subsystem that only this host may use. */
  readonly private: { readonly id: string; readonly allowedHost: string };
  /** The id of a subsystem that it does not have. */
  readonly wrongNqn: string;
  /** The id of a port that it does not listen on. */
  readonly wrongPort: string;
  /** How many queues are connected, admin queues included, as either side counts them. */
  readonly queues: () => Promise<{ readonly initiators: number; readonly targets: number }>;
  /** Expects that neither side holds resources any more. The target has time to free its own. */
  readonly expectNothingHeld: () => Promise<void>;
  /** The target needs seconds to free its queue pairs: the suite waits for it after the last test, not after each. */
  readonly freesLate?: boolean;
  readonly stop: () => Promise<void>;
}

/** The time that SPDK may take to return from an attach whose promise has settled. */
const background = 10_000;
const stranger = 'nqn.2026-11.dev.spdk-nvme:stranger';

/** Attach and detach, for any target. */
export function describeAttach(name: string, start: () => Promise<AttachTarget>): void {
  describe(name, () => {
    let target: AttachTarget;
    let env: Environment;

    beforeAll(async () => {
      target = await start();
      ensureHugepages(memoryMb);
      env = await Environment.init({ pollers: 2, memoryMb });
      // The first attach of a process loads libraries and touches all memory, which no test should have to time.
      await (await env.attach(target.ids[0], { timeoutMs: 30_000 })).detach({ timeoutMs: 30_000 });
      await target.expectNothingHeld();
    });
    afterEach(async () => {
      await Promise.all(env.controllers.map((controller) => controller.detach()));
      if (target.freesLate) await expectNothingHere();
      else await target.expectNothingHeld();
    });
    afterAll(async () => {
      if (target?.freesLate) await target.expectNothingHeld();
      await env?.close({ timeoutMs: background });
      await target?.stop();
    });

    const attach = (options?: AttachOptions, which: 0 | 1 = 0) =>
      within(limits.attach, env.attach(target.ids[which], options));
    const detach = (controller: Controller) => within(limits.detach, controller.detach());
    const expectQueues = async (queues: number) => {
      expect((await target.queues()).initiators).toBe(queues);
      const timeout = target.freesLate ? limits.noticed : 0;
      await expect.poll(async () => (await target.queues()).targets, { timeout }).toBe(queues);
    };

    /** The initiator releases everything immediately, or as soon as SPDK has returned from a cancelled attach. */
    const expectNothingHere = () =>
      expect.poll(async () => (await target.queues()).initiators, { timeout: background }).toBe(0);

    /** The same controller can be attached as soon as SPDK has returned from a cancelled attach. */
    const expectNothingInTheWay = (which: 0 | 1) =>
      expect
        .poll(() => codeOf(attach({}, which).then(detach), 'attached'), { timeout: background })
        .toBe('attached');

    describe('one controller', () => {
      it('takes no hugepages for namespaces that its target only has room for', async () => {
        const before = env.stats().memory.usedBytes;
        const controller = await attach({ ioQueues: 1 });
        expect(env.stats().memory.usedBytes - before).toBeLessThan(1 << 20);
        await detach(controller);
      });

      it('is attached, with as many queue pairs as asked for, and detached again', async () => {
        const controller = await attach({ ioQueues: 3 });
        expect(controller.state).toBe('attached');
        expect(controller.info.serial).toBe(target.serials[0]);
        expect(env.controllers).toEqual([controller]);
        // The admin queue has a connection of its own.
        await expectQueues(4);

        const begun = performance.now();
        const report = await controller.detach();
        const ms = performance.now() - begun;
        expect(controller.state).toBe('detached');
        expect(env.controllers).toEqual([]);
        expect(ms).toBeLessThan(limits.detach);
        expect((await target.queues()).initiators).toBe(0);

        const phases = [report.drainMs, report.disconnectMs, report.lingerMs, report.destroyMs];
        for (const phase of phases) expect(phase).toBeGreaterThanOrEqual(0);
        expect(phases.reduce((sum, phase) => sum + phase)).toBeCloseTo(report.totalMs, 3);
        expect(report.totalMs).toBeGreaterThan(0);
        expect(report.totalMs).toBeLessThanOrEqual(ms);
      });

      it('reports how long each phase of its attach took', async () => {
        const begun = performance.now();
        const controller = await attach({ ioQueues: 2 });
        const ms = performance.now() - begun;
        const { totalMs, ...phases } = controller.attachReport;
        for (const phase of Object.values(phases)) expect(phase).toBeGreaterThanOrEqual(0);
        expect(Object.values(phases).reduce((sum, phase) => sum + phase)).toBeCloseTo(totalMs, 3);
        expect(phases.controllerMs).toBeGreaterThan(0);
        expect(phases.queuePairsMs).toBeGreaterThan(0);
        expect(totalMs).toBeLessThanOrEqual(ms);
        await detach(controller);
        expect(controller.attachReport.totalMs).toBe(totalMs);
      });

      it('can be attached again and again', async () => {
        for (let loop = 0; loop < 10; loop++) await detach(await attach({ ioQueues: 2 }));
      });

      it('is detached once, however often one asks', async () => {
        const controller = await attach();
        let events = 0;
        controller.on('detached', () => events++);
        const first = controller.detach();
        const second = controller.detach({ timeoutMs: 1_000, drainMs: 0 });
        const report = await within(limits.detach, first);
        expect(await second).toBe(report);
        expect(await controller.detach()).toBe(report);
        await new Promise(setImmediate);
        expect(events).toBe(1);
      });
    });

    describe('two controllers', () => {
      it('are attached and detached at once', async () => {
        const controllers = await Promise.all([attach({ ioQueues: 2 }, 0), attach({ ioQueues: 2 }, 1)]);
        expect(controllers.map(({ info }) => info.serial)).toEqual(target.serials);
        expect(env.controllers).toHaveLength(2);
        await expectQueues(6);
        await Promise.all(controllers.map(detach));
      });

      it('do not depend on each other: one stays when the other goes', async () => {
        const stays = await attach({ ioQueues: 2 }, 0);
        await detach(await attach({ ioQueues: 2 }, 1));
        expect(stays.state).toBe('attached');
        expect(env.controllers).toEqual([stays]);
        expect((await target.queues()).initiators).toBe(3);
        await detach(stays);
      });
    });

    describe('the same controller', () => {
      it('is rejected while it is attached, which changes nothing', async () => {
        const [id] = target.ids;
        const controller = await attach();
        await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, env.attach(id));
        // Another spelling of the same transport id names the same controller.
        const spelled = id
          .replace(/trtype:(\w+)/, (_, type: string) => `trtype=${type.toLowerCase()}`)
          .replace(/adrfam:IPv\d /, '');
        expect(spelled).not.toBe(id);
        await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, env.attach(spelled));
        expect(controller.state).toBe('attached');
        expect(env.controllers).toEqual([controller]);
      });

      it('is rejected while its attach is under way', async () => {
        const first = attach();
        await rejection('ERR_SPDK_ALREADY_ATTACHED', limits.response, env.attach(target.ids[0]));
        await detach(await first);
      });

      it('is rejected while it is detached, and can be attached right after', async () => {
        const controller = await attach({ ioQueues: 2 });
        const detached = detach(controller);
        await new Promise((resolve) => controller.once('state', resolve));
        const attaching = codeOf(env.attach(target.ids[0]).then(detach), 'attached');
        await new Promise(setImmediate);
        // Over TCP on loopback the detach takes less than a millisecond, and may be over before native code is asked.
        const gone = controller.state === 'detached';
        const code = await attaching;
        if (code !== 'attached' || !gone) expect(code).toBe('ERR_SPDK_DETACHING');
        await detached;
        const again = await attach();
        expect(again).not.toBe(controller);
        expect([controller.state, again.state]).toEqual(['detached', 'attached']);
      });
    });

    describe('the target rejects', () => {
      it('a subsystem that it does not have', async () => {
        const attached = env.attach(target.wrongNqn);
        const error = await rejection('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, attached);
        expect(error.message).toContain('subnqn');
        expect(error.nvmeStatus?.name).toBe('Connect Invalid Parameters');
      });

      it('a host that is not on its list, and lets in the one that is', async () => {
        const { id, allowedHost } = target.private;
        const attached = env.attach(id, { hostNqn: stranger });
        const error = await rejection('ERR_SPDK_CONNECT_REJECTED', limits.unreachable, attached);
        expect(error.message).toContain('hostNqn');
        expect(error.nvmeStatus?.name).toBe('Connect Invalid Host');
        await detach(await within(limits.attach, env.attach(id, { hostNqn: allowedHost })));
      });

      it('nothing, where it does not listen', async () => {
        await rejection('ERR_SPDK_UNREACHABLE', limits.unreachable, env.attach(target.wrongPort));
        await detach(await attach());
      });
    });

    describe('an attach that is cancelled', () => {
      it('by a timeoutMs too short for the target leaves no controller behind', async () => {
        for (const timeoutMs of [1, 5, 20, 50]) {
          const attached = env.attach(target.ids[1], { timeoutMs }).then(detach);
          const code = await codeOf(attached, 'attached');
          // Its connections may have ended before SPDK has returned.
          expect(['ERR_SPDK_TIMEOUT', 'ERR_SPDK_DETACHING', 'attached']).toContain(code);
          await expectNothingHere();
          expect(env.controllers).toEqual([]);
          await expectNothingInTheWay(1);
        }
        const again = () => codeOf(env.attach(target.ids[1]).then(detach), 'attached');
        await expect.poll(again, { timeout: background }).toBe('attached');
      });

      it('by a signal ends at once, wherever it is, and a controller that comes of it detaches itself', async () => {
        const { value: first, ms: whole } = await timed(attach({ ioQueues: 2 }));
        await first.detach();
        for (const part of [0, 0.1, 0.3, 0.5, 0.7]) {
          const reason = new Error(`after ${part} of the time it takes`);
          const aborter = new AbortController();
          const attached = env.attach(target.ids[0], { ioQueues: 2, signal: aborter.signal });
          await Promise.race([sleep(part * whole), attached.catch(() => {})]);
          aborter.abort(reason);
          const { value: outcome, ms } = await timed(attached.catch((error: unknown) => error));
          expect(ms).toBeLessThan(limits.response);
          if (outcome instanceof Controller) {
            // The second attach was faster than the first. Only a signal that fires immediately is certain to fire before it ends.
            expect(part).toBeGreaterThan(0);
            await outcome.detach();
          } else {
            expect(outcome).toMatchObject({ code: 'ERR_SPDK_ABORTED', name: 'AbortError', cause: reason });
          }
          expect(env.controllers).toEqual([]);
          await expectNothingHere();
          await expectNothingInTheWay(0);
        }
      });

      it('stays attached when its signal fires later', async () => {
        const aborter = new AbortController();
        const controller = await attach({ signal: aborter.signal });
        aborter.abort();
        await sleep(100);
        expect(controller.state).toBe('attached');
      });
    });
  });
}
