import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AttachOptions } from '../../../lib/index.js';
import { limits } from '../support/limits.js';
import { Load } from '../support/load.js';
import { codeOf, momentsWithin, timed, within } from '../support/timing.js';
import { type FaultEnvironment, FaultFixture } from './target.js';

/**
 * The target's process hangs. Its machine still acknowledges packets, so that no transport notices
 * anything: the worst of all targets.
 */
export function describeTargetFrozen(title: string, environment: FaultEnvironment, moments: number): void {
  describe(title, () => {
    const fixture = new FaultFixture(environment);
    const { target } = fixture;

    /** Expects that other controllers can be attached and detached while the target hangs. */
    async function expectOthersUndisturbed(): Promise<void> {
      await fixture.bystander.expectUndisturbed(limits.stall);
      // First without a detach of the frozen controller, which would disconnect it and so end what the poller waits for.
      const others = fixture.env.controllers.filter(
        ({ transportId }) => transportId.trsvcid !== environment.listener.trsvcid,
      );
      await Promise.all(others.map((controller) => within(limits.detach, controller.detach())));
      await fixture.detachAll();
      await within(
        limits.detach,
        (await within(limits.attach, fixture.env.attach(fixture.other.id))).detach(),
      );
    }

    /** Expects that nothing is left once the target goes on, and that it is attached as ever. */
    async function expectUsable(): Promise<void> {
      target.thaw();
      await environment.expectNothingHeld(limits.noticed);
      await (await fixture.attach()).detach();
      // v20.07's nvmf_tgt takes some seconds to release RDMA queue pairs.
      await environment.expectNothingHeld(limits.noticed);
    }

    /** Ends the target instead of continuing it: v20.07's nvmf_tgt can crash on a connection that its host has ended meanwhile. */
    async function replaceTarget(): Promise<void> {
      await target.kill();
      await environment.expectNothingHeld();
      await target.start();
      await fixture.callBystander();
    }

    it('before an attach: the attach rejects in time', async () => {
      target.freeze();
      const { value: code, ms } = await timed(codeOf(fixture.attach({ timeoutMs: 3_000 }), 'attached'));
      expect(code).toMatch(/^ERR_SPDK_(UNREACHABLE|TIMEOUT)$/);
      expect(ms).toBeLessThan(3_000 + limits.response);
      await expectOthersUndisturbed();
      await expectUsable();
    });

    it('in the middle of an attach, at any moment', { timeout: 120_000 }, async () => {
      // Less than the second that SPDK, from v22.05, gives each step of a connection.
      const timeoutMs = 800;
      const { value: first, ms: whole } = await timed(fixture.attach());
      await first.detach();
      const codes = new Set<string>();
      const planned = momentsWithin(whole, moments);
      for (const [i, id] of target.ids.slice(1).entries()) {
        // The attach that was measured may have been far slower than the others: then sooner moments, until one is in the middle.
        if (i >= moments && codes.has('ERR_SPDK_TIMEOUT')) break;
        const moment = planned[i] ?? whole / 2 ** (3 + i - moments);
        const attached = fixture.env.attach(id, { ioQueues: 4, timeoutMs });
        attached.catch(() => {});
        await sleep(moment);
        target.freeze();
        const { value: code, ms } = await timed(codeOf(attached, 'attached'));
        codes.add(code);
        // SPDK v20.07 says the same of a Connect that was rejected and of one that got no response.
        expect(code, `frozen after ${moment} ms`).toMatch(
          /^(attached|ERR_SPDK_(TIMEOUT|UNREACHABLE|ATTACH_FAILED|CONNECT_REJECTED))$/,
        );
        expect(ms).toBeLessThan(timeoutMs + limits.response);
        await expectOthersUndisturbed();
        await replaceTarget();
      }
      expect(codes).toContain('ERR_SPDK_TIMEOUT');
      await fixture.bystander.expectUndisturbed(limits.stall);
    });

    it('in the middle of a reset, at any moment', { timeout: 120_000 }, async () => {
      const timeoutMs = 2_000;
      const first = await fixture.attach();
      const { ms: whole } = await timed(first.reset());
      await first.detach();
      for (const [i, moment] of momentsWithin(whole, moments).entries()) {
        const id = target.ids[1 + i] as string;
        const controller = await fixture.env.attach(id, { ioQueues: 4, timeoutMs });
        const reset = controller.reset({ timeoutMs: limits.reset });
        reset.catch(() => {});
        await sleep(moment);
        target.freeze();
        const { value: code, ms } = await timed(codeOf(reset, 'reset'));
        expect(ms).toBeLessThan(limits.reset + limits.response);
        expect(code, `frozen after ${moment} ms`).toMatch(
          /^(reset|ERR_SPDK_(TIMEOUT|UNREACHABLE|ATTACH_FAILED|CONNECT_REJECTED))$/,
        );
        // v20.07 polls a controller that fell silent while it was being enabled for half a minute.
        if (code === 'reset') expect(controller.state).toBe('attached');
        else if (code !== 'ERR_SPDK_TIMEOUT') expect(controller.state).toBe('failed');
        await expectOthersUndisturbed();
        await replaceTarget();
      }
      await fixture.bystander.expectUndisturbed(limits.stall);
    });

    it('in the middle of a detach, at any moment', { timeout: 120_000 }, async () => {
      const { ms: whole } = await timed((await fixture.attach()).detach());
      for (const [i, moment] of momentsWithin(whole, moments).entries()) {
        const id = target.ids[1 + i] as string;
        const controller = await fixture.env.attach(id, { ioQueues: 4 });
        const detached = controller.detach();
        await sleep(moment);
        target.freeze();
        await within(limits.detach, detached);
        await expectOthersUndisturbed();
        await replaceTarget();
      }
      await fixture.bystander.expectUndisturbed(limits.stall);
    });

    it('just after a response: detaches with little time end in it, and none is wedged', async () => {
      const timeouts = [300, 1_000, 2_000];
      const controllers = await Promise.all(
        timeouts.map((_, i) => fixture.env.attach(target.ids[i] as string, { ioQueues: 2 })),
      );
      // Of these the package knows that they respond, and asks them no more.
      await Promise.all(controllers.map(({ admin }) => admin.identify(1)));
      target.freeze();
      const detached = controllers.map((controller, i) =>
        within(limits.detach, codeOf(controller.detach({ timeoutMs: timeouts[i] }), 'detached')),
      );
      expect(await Promise.all(detached)).toEqual(timeouts.map(() => 'detached'));
      await expectOthersUndisturbed();
      await replaceTarget();
    });

    it('before a reset: detaches with little time that are called during that end in it, and none is wedged', async () => {
      const cases = [
        { resetMs: 300, afterMs: 20, detachMs: 800 },
        { resetMs: 300, afterMs: 400, detachMs: 500 },
        { resetMs: 5_000, afterMs: 100, detachMs: 800 },
      ];
      const controllers = await Promise.all(
        cases.map((_, i) => fixture.env.attach(target.ids[i] as string, { ioQueues: 2 })),
      );
      target.freeze();
      const ended = controllers.map(async (controller, i) => {
        const { resetMs, afterMs, detachMs } = cases[i] as (typeof cases)[number];
        const reset = codeOf(controller.reset({ timeoutMs: resetMs }));
        await sleep(afterMs);
        const detached = await within(
          limits.detach,
          codeOf(controller.detach({ timeoutMs: detachMs }), 'detached'),
        );
        return [await reset, detached];
      });
      expect(await Promise.all(ended)).toEqual([
        ['ERR_SPDK_DETACHING', 'detached'],
        ['ERR_SPDK_TIMEOUT', 'detached'],
        ['ERR_SPDK_DETACHING', 'detached'],
      ]);
      await expectOthersUndisturbed();
      await replaceTarget();
    });

    it('with or without operations outstanding, however it is polled: all controllers are detached', async () => {
      const settings: readonly (readonly [number, AttachOptions])[] = [
        [0, { ioQueues: 1 }],
        [32, { ioQueues: 4 }],
        [32, { ioQueues: 2, polling: 'inline' }],
        [32, { ioQueues: 2, polling: 'adaptive' }],
      ];
      const attached = settings.map(async ([depth, options], i) => {
        const id = target.ids[i] as string;
        const controller = await within(limits.attach, fixture.env.attach(id, options));
        const load = new Load(controller, { depth });
        if (depth > 0) await load.progress(depth);
        return { depth, controller, load };
      });
      const all = await Promise.all(attached);
      target.freeze();
      await sleep(200);
      for (const { load } of all) load.stop();
      // All at the same time: none of them may hold up the one poller or anything else that they share.
      const detached = all.map(async ({ depth, controller, load }) => {
        const { aborted } = await within(limits.detach, controller.detach({ drainMs: 100 }));
        expect(controller.state).toBe('detached');
        expect(aborted).toBe(depth);
        await load.expectAllEnd(limits.response);
      });
      await Promise.all(detached);
      await expectOthersUndisturbed();
      await expectUsable();
    });

    it('for less than a detach waits: everything outstanding completes', async () => {
      const controller = await fixture.attach();
      const load = new Load(controller);
      await load.progress(32);
      target.freeze();
      load.stop();
      const detached = controller.detach({ drainMs: 20_000, timeoutMs: 30_000 });
      await sleep(500);
      target.thaw();
      expect((await detached).aborted).toBe(0);
      await load.expectAllEnd(limits.response);
      expect(load.codes).toEqual(new Map());
      await expectOthersUndisturbed();
      await environment.expectNothingHeld(limits.noticed);
    });
  });
}
