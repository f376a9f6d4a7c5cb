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

    it('under queue depth 32, however they are polled: the controllers fail, and detach in time', async () => {
      const attached = [];
      for (const [i, polling] of pollings.entries()) {
        // One after the other, so that each has the processors that the time limit of an attach counts on.
        const controller = await within(
          limits.attach,
          fixture.env.attach(target.ids[i] as string, { ioQueues: 4, polling }),
        );
        const failures: SpdkError[] = [];
        controller.on('failed', (error) => failures.push(error as SpdkError));
        const failed = new Promise((resolve) => controller.once('failed', resolve));
        attached.push({ polling, controller, failures, failed, load: new Load(controller) });
      }
      await Promise.all(attached.map(({ load }) => load.progress(32)));
      const killed = target.kill();
      // JavaScript starts reads before it can know that the controllers have failed.
      block(100);
      const ends = attached.map(async ({ polling, controller, failures, failed, load }) => {
        const late = Array.from({ length: 8 }, () => codeOf(readFirst(controller), 'read'));
        await within(limits.noticed, failed);
        expect(controller.state, polling).toBe('failed');
        await within(limits.response, Promise.all(late));
        await killed;
        load.stop();
        await within(limits.detach, controller.detach());
        expect(controller.state, polling).toBe('detached');
        expect(failures.map(({ code }) => code)).toEqual(['ERR_SPDK_CONTROLLER_FAILED']);
        await load.expectAllEnd(limits.response);
        for (const code of load.codes.keys())
          expect(['ERR_SPDK_IO_FAILED', 'ERR_SPDK_CONTROLLER_FAILED', 'ERR_SPDK_DETACHING']).toContain(code);
      });
      await Promise.all(ends);
      await expectUsable();
    });

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

    it('in the middle of an attach and a detach, at any moment of each', { timeout: 120_000 }, async () => {
      const timeoutMs = 3_000;
      const { value: first, ms: attachMs } = await timed(fixture.attach());
      const { ms: detachMs } = await timed(first.detach());
      const planned = [attachMs, detachMs].map((whole) => momentsWithin(whole, moments));
      for (let round = 0; round < moments; round++) {
        const [attachAt, detachAt] = planned.map((all) => all[round]) as [number, number];
        const detaching = await fixture.attach();
        const id = target.ids[1 + round] as string;
        // Both at the same time, each begun so long before the target is killed as its moment says.
        const longest = Math.max(attachAt, detachAt);
        const attached = sleep(longest - attachAt).then(() =>
          fixture.env.attach(id, { ioQueues: 4, timeoutMs }),
        );
        const attach = timed(codeOf(attached, 'attached'));
        const detach = sleep(longest - detachAt).then(() => timed(detaching.detach()));
        await sleep(longest);
        const killed = target.kill();
        const where = `killed after ${attachAt} ms of an attach and ${detachAt} ms of a detach`;
        const { value: outcome, ms } = await attach;
        expect(ms - longest, where).toBeLessThan(timeoutMs + limits.response);
        expect(outcome, where).toMatch(
          /^(attached|ERR_SPDK_(TIMEOUT|UNREACHABLE|ATTACH_FAILED|CONNECT_REJECTED))$/,
        );
        if (outcome === 'attached') await within(limits.detach, (await attached).detach());
        expect((await detach).ms - detachAt, where).toBeLessThan(limits.detach);
        expect(detaching.state).toBe('detached');
        await killed;
        await target.start();
      }
      await target.kill();
      await expectUsable();
    });
  });
}
