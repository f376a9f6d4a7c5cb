import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AttachOptions, Environment, SpdkError } from '../../../lib/index.js';
import { limits } from '../support/limits.js';
import { Load, Witness } from '../support/load.js';
import { timed, within } from '../support/timing.js';
import { type FaultBed, FaultyTarget, openWithOnePoller } from './target.js';

/** The target's process is killed: its connections end, and nothing listens any more, until it is started again. */
export function describeTargetKilled(title: string, bed: FaultBed, moments: number): void {
  describe(title, () => {
    const target = new FaultyTarget(bed.listener);
    let other: { id: string; stop: () => Promise<void> };
    let env: Environment;
    let witness: Witness;
    beforeAll(async () => {
      other = await bed.other();
      env = await openWithOnePoller();
      await target.start();
      // The first attach of a process loads libraries and touches all memory, which no test should have to time.
      await (await env.attach(target.id, { timeoutMs: 30_000 })).detach();
    });
    beforeEach(async () => {
      witness = new Witness(await env.attach(other.id));
    });
    afterEach(() => Promise.all(env.controllers.map((controller) => controller.detach())));
    afterAll(async () => {
      await env.close();
      await target.kill();
      await other.stop();
    });

    const attach = (options: AttachOptions = {}) =>
      within(limits.attach, env.attach(target.id, { ioQueues: 4, ...options }));

    /** Expects that nothing is left, and that the target, once it is back, is attached as ever. */
    async function expectUsable(): Promise<void> {
      await witness.expectUndisturbed(limits.stall);
      await Promise.all(env.controllers.map((controller) => controller.detach()));
      await bed.expectNothingHeld();
      await target.start();
      await (await attach()).detach();
    }

    it.each(['threads', 'inline'] as const)(
      'under queue depth 32 (%s): the controller fails, and detaches in time',
      async (polling) => {
        const controller = await attach({ polling });
        const failures: SpdkError[] = [];
        controller.on('failed', (error) => failures.push(error as SpdkError));
        const load = new Load(controller);
        await load.progress(32);
        const failed = new Promise((resolve) => controller.once('failed', resolve));
        await target.kill();
        await within(limits.noticed, failed);
        expect(controller.state).toBe('failed');
        load.stop();
        await within(limits.detach, controller.detach());
        expect(controller.state).toBe('detached');
        expect(failures.map(({ code }) => code)).toEqual(['ERR_SPDK_CONTROLLER_FAILED']);
        await load.expectAllEnd(limits.answer);
        for (const code of load.codes.keys())
          expect(['ERR_SPDK_IO_FAILED', 'ERR_SPDK_CONTROLLER_FAILED', 'ERR_SPDK_DETACHING']).toContain(code);
        await expectUsable();
      },
    );

    it('under queue depth 32, and detached in the same moment', async () => {
      const controller = await attach();
      const load = new Load(controller);
      await load.progress(32);
      const killed = target.kill();
      load.stop();
      await within(limits.detach, controller.detach());
      await load.expectAllEnd(limits.answer);
      await killed;
      await expectUsable();
    });

    it('in the middle of a detach, at any moment', { timeout: 120_000 }, async () => {
      const { ms: whole } = await timed((await attach()).detach());
      for (const part of [0.2, 0.5, 0.8]) {
        const controller = await attach();
        const detached = controller.detach();
        await sleep(part * whole);
        const killed = target.kill();
        await within(limits.detach, detached);
        expect(controller.state).toBe('detached');
        await killed;
        await target.start();
      }
      await target.kill();
      await expectUsable();
    });

    it('in the middle of an attach, at any moment', { timeout: 120_000 }, async () => {
      const timeoutMs = 3_000;
      const { value: first, ms: whole } = await timed(attach());
      await first.detach();
      for (const [moment, id] of target.ids.slice(1, 1 + moments).entries()) {
        const attached = env.attach(id, { ioQueues: 4, timeoutMs });
        attached.catch(() => {});
        await sleep((moment * whole) / moments);
        const killed = target.kill();
        const { value: outcome, ms } = await timed(
          attached.then(
            () => 'attached',
            ({ code }: SpdkError) => code,
          ),
        );
        expect(ms).toBeLessThan(timeoutMs + limits.answer);
        expect(outcome).toMatch(/^(attached|ERR_SPDK_(TIMEOUT|UNREACHABLE|ATTACH_FAILED|CONNECT_REJECTED))$/);
        if (outcome === 'attached') await within(limits.detach, (await attached).detach());
        await killed;
        await target.start();
      }
      await target.kill();
      await expectUsable();
    });
  });
}
