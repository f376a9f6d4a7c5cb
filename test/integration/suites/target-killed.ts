import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Controller, SpdkError } from '../../../lib/index.js';
import { pollings } from '../support/each-polling.js';
import { limits } from '../support/limits.js';
import { Load } from '../support/load.js';
import { codeOf, momentsWithin, timed, within } from '../support/timing.js';
import { type FaultEnvironment, FaultFixture } from './target.js';

/** Keeps the JavaScript thread busy. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function readFirst({ namespaces: [namespace] }: Controller): Promise<void> {
  if (!namespace) throw new Error('the controller has no namespace');
  await namespace.read(Buffer.alloc(namespace.blockSize), { offset: 0 });
}

/** The target's process is killed: its connections end, and nothing listens any more, until it is started again. */
export function describeTargetKilled(title: string, environment: FaultEnvironment, moments: number): void {
  describe(title, () => {
    const fixture = new FaultFixture(environment);
    const { target } = fixture;

    /** Expects that nothing is left, and that the target, once it is back, is attached as ever. */
    async function expectUsable(): Promise<void> {
      await fixture.bystander.expectUndisturbed(limits.stall);
      await fixture.detachAll();
      await environment.expectNothingHeld();
      await target.start();
      await (await fixture.attach()).detach();
    }

    it.each(pollings)(
      'under queue depth 32 (%s): the controller fails, and detaches in time',
      async (polling) => {
        const controller = await fixture.attach({ polling });
        const failures: SpdkError[] = [];
        controller.on('failed', (error) => failures.push(error as SpdkError));
        const load = new Load(controller);
        await load.progress(32);
        const failed = new Promise((resolve) => controller.once('failed', resolve));
        const killed = target.kill();
        // JavaScript starts reads before it can know that the controller has failed.
        block(100);
        const late = Array.from({ length: 8 }, () => codeOf(readFirst(controller), 'read'));
        await within(limits.noticed, failed);
        expect(controller.state).toBe('failed');
        await within(limits.response, Promise.all(late));
        await killed;
        load.stop();
        await within(limits.detach, controller.detach());
        expect(controller.state).toBe('detached');
        expect(failures.map(({ code }) => code)).toEqual(['ERR_SPDK_CONTROLLER_FAILED']);
        await load.expectAllEnd(limits.response);
        for (const code of load.codes.keys())
          expect(['ERR_SPDK_IO_FAILED', 'ERR_SPDK_CONTROLLER_FAILED', 'ERR_SPDK_DETACHING']).toContain(code);
        await expectUsable();
      },
    );

    it('under queue depth 32, and detached in the same moment', async () => {
      const controller = await fixture.attach();
      const load = new Load(controller);
      await load.progress(32);
      const killed = target.kill();
      load.stop();
      await within(limits.detach, controller.detach());
      await load.expectAllEnd(limits.response);
      await killed;
      await expectUsable();
    });

    it('in the middle of a detach, at any moment', { timeout: 120_000 }, async () => {
      const { ms: whole } = await timed((await fixture.attach()).detach());
      for (const moment of momentsWithin(whole, 2)) {
        const controller = await fixture.attach();
        const detached = controller.detach();
        await sleep(moment);
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
      const { value: first, ms: whole } = await timed(fixture.attach());
      await first.detach();
      for (const [i, moment] of momentsWithin(whole, moments).entries()) {
        const id = target.ids[1 + i] as string;
        const attached = fixture.env.attach(id, { ioQueues: 4, timeoutMs });
        attached.catch(() => {});
        await sleep(moment);
        const killed = target.kill();
        const { value: outcome, ms } = await timed(codeOf(attached, 'attached'));
        expect(ms).toBeLessThan(timeoutMs + limits.response);
        expect(outcome, `killed after ${moment} ms`).toMatch(
          /^(attached|ERR_SPDK_(TIMEOUT|UNREACHABLE|ATTACH_FAILED|CONNECT_REJECTED))$/,
        );
        if (outcome === 'attached') await within(limits.detach, (await attached).detach());
        await killed;
        await target.start();
      }
      await target.kill();
      await expectUsable();
    });
  });
}
