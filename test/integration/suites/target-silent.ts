import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AttachOptions, Controller } from '../../../lib/index.js';
import { limits } from '../support/limits.js';
import { Load } from '../support/load.js';
import { codeOf, eventually, timed, within } from '../support/timing.js';
import { type FaultEnvironment, FaultFixture } from './target.js';

/** The shortest that a target counts. */
const keepAliveMs = 1_000;
/** How long a silent target may go unnoticed; and what a test's own clock may be late. */
const noticedMs = keepAliveMs + 1_000 + limits.response;
const policy = { ctrlrLossTimeoutMs: 60_000, reconnectDelayMs: 200 };

/** JavaScript is busy. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** The event, and the milliseconds until it came. */
function next(controller: Controller, event: 'failed' | 'resetting'): Promise<{ code: string; ms: number }> {
  const begun = performance.now();
  return new Promise((resolve) => {
    controller.once(event, (error: { code: string } | undefined) =>
      resolve({ code: error?.code ?? 'none', ms: performance.now() - begun }),
    );
  });
}

/** The target's process hangs while a controller is attached, and its machine still acknowledges packets. */
export function describeTargetSilent(title: string, environment: FaultEnvironment): void {
  describe.each(['threads', 'inline', 'adaptive'] as const)(`${title}, polled by %s`, (polling) => {
    const fixture = new FaultFixture(environment);
    const { target } = fixture;
    const attach = (options: AttachOptions = {}): Promise<Controller> =>
      fixture.attach({ ioQueues: 2, polling, keepAliveMs, ...options });

    /** Reads that have no time limit, an admin command, and a batch; the codes they end with. */
    function begin(controller: Controller): Promise<string[]> {
      const [ns] = controller.namespaces;
      if (!ns) throw new Error('the controller has no namespace');
      const reads = Array.from({ length: 8 }, () => codeOf(ns.read(Buffer.alloc(4096), { offset: 0 })));
      return Promise.all([...reads, codeOf(controller.admin.identify())]);
    }

    it('fails within its keep-alive timeout and a second, and all that was asked ends', async () => {
      const controller = await attach();
      target.freeze();
      const failed = next(controller, 'failed');
      const codes = timed(begin(controller));
      const { code, ms } = await failed;
      expect(code).toBe('ERR_SPDK_CONTROLLER_FAILED');
      expect(ms).toBeLessThan(noticedMs);
      expect(ms).toBeGreaterThan(keepAliveMs - 50);
      expect(controller.state).toBe('failed');
      expect(controller.history.map(({ text }) => text)).toContain(
        `the controller did not respond to a Keep Alive for ${keepAliveMs} ms`,
      );
      const ended = await codes;
      expect(new Set(ended.value)).toEqual(new Set(['ERR_SPDK_IO_FAILED']));
      expect(ended.ms).toBeLessThan(noticedMs + limits.response);
      // Nobody asks it anything more, so that is quick too.
      await within(limits.response, controller.detach());
      await fixture.bystander.expectUndisturbed(limits.stall);
    });

    it('ends a batch that waits', async () => {
      const controller = await attach();
      const [ns] = controller.namespaces;
      const [queuePair] = controller.queuePairs;
      if (!ns || !queuePair) throw new Error('the controller has nothing to read');
      const buffer = fixture.env.allocate(8 * 4096);
      const batch = queuePair.openBatch();
      target.freeze();
      for (let tag = 0; tag < 8; tag++) batch.read(ns, buffer, tag * 4096, 0, 4096, tag);
      batch.submit();
      const begun = performance.now();
      let ended = 0;
      while (ended < 8) ended += await batch.wait();
      expect(performance.now() - begun).toBeLessThan(noticedMs);
      batch.close();
      buffer.release();
      await within(limits.response, controller.detach());
    });

    it('is connected again by a policy when the target goes on, and I/O that waited completes', async () => {
      const controller = await attach(policy);
      target.freeze();
      const [ns] = controller.namespaces;
      const begun = performance.now();
      const read = timed(codeOf(ns?.read(Buffer.alloc(4096), { offset: 0 }) ?? Promise.reject(new Error())));
      const { code, ms } = await next(controller, 'resetting');
      expect(code).toBe('ERR_SPDK_CONTROLLER_FAILED');
      expect(ms).toBeLessThan(noticedMs);
      await sleep(300);
      target.thaw();
      expect((await read).value).toBe('none');
      expect(performance.now() - begun).toBeLessThan(limits.noticed);
      expect(await eventually(limits.response, () => controller.state === 'attached')).toBe(true);
      await within(limits.detach, controller.detach());
    });

    it('is detached in time while a reset connects to it', async () => {
      const controller = await attach(policy);
      target.freeze();
      await next(controller, 'resetting');
      await sleep(500);
      await within(limits.detach, controller.detach());
    });

    it('is noticed while JavaScript is busy', async () => {
      const controller = await attach();
      target.freeze();
      const failed = next(controller, 'failed');
      const codes = begin(controller);
      block(3 * keepAliveMs);
      expect((await failed).code).toBe('ERR_SPDK_CONTROLLER_FAILED');
      expect((await failed).ms).toBeLessThan(3 * keepAliveMs + limits.response);
      await codes;
      await within(limits.response, controller.detach());
    });

    it('stays attached while only JavaScript is busy', async () => {
      const controller = await attach();
      const load = new Load(controller, { depth: 4 });
      await load.progress(4);
      block(3 * keepAliveMs);
      await load.progress(4);
      await load.expectAllEnd(limits.response);
      expect(load.codes).toEqual(new Map());
      expect(controller.state).toBe('attached');
      await within(limits.detach, controller.detach());
    });

    it('stays attached when it is silent for less, again and again', async () => {
      const controller = await attach();
      const load = new Load(controller, { depth: 4 });
      for (let i = 0; i < 4; i++) {
        await load.progress(4);
        target.freeze();
        await sleep(keepAliveMs - 200);
        target.thaw();
      }
      await load.progress(4);
      await load.expectAllEnd(limits.response);
      expect(load.codes).toEqual(new Map());
      expect(controller.state).toBe('attached');
      await within(limits.detach, controller.detach());
    });

    it('is never asked with a keepAliveMs of 0', async () => {
      const controller = await attach({ keepAliveMs: 0 });
      target.freeze();
      const codes = begin(controller);
      await sleep(3 * keepAliveMs);
      expect(controller.state).toBe('attached');
      target.thaw();
      expect(new Set(await codes)).toEqual(new Set(['none']));
      await within(limits.detach, controller.detach());
    });
  });
}
