import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AttachOptions, Controller, Namespace, PollingMode } from '../../../lib/index.js';
import { pollings } from '../support/each-polling.js';
import { limits } from '../support/limits.js';
import { Load } from '../support/load.js';
import { codeOf, eventually, timed, within } from '../support/timing.js';
import { type FaultEnvironment, FaultFixture } from './target.js';

/** The shortest keep-alive timeout that a target applies. */
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

/** Runs a function for all controllers at the same time; an error says for which of them it failed. */
async function each(
  controllers: readonly Controller[],
  act: (controller: Controller, i: number) => Promise<void>,
): Promise<void> {
  const acts = controllers.map((controller, i) =>
    act(controller, i).catch((error: Error) => {
      error.message = `polled by ${pollings[i]}: ${error.message}`;
      throw error;
    }),
  );
  await Promise.all(acts);
}

function namespaceOf({ namespaces: [namespace] }: Controller): Namespace {
  if (!namespace) throw new Error('the controller has no namespace');
  return namespace;
}

/** Expects that a controller is attached as ever, and that no operation has failed; ends both. */
async function expectServed(controller: Controller, load: Load): Promise<void> {
  await load.progress(4);
  await load.expectAllEnd(limits.response);
  expect(load.codes).toEqual(new Map());
  expect(controller.state).toBe('attached');
  await within(limits.detach, controller.detach());
}

/** The target's process hangs while controllers are attached, and its machine still acknowledges packets. */
export function describeTargetSilent(title: string, environment: FaultEnvironment): void {
  describe(title, () => {
    const fixture = new FaultFixture(environment);
    const { target } = fixture;
    const attach = (polling: PollingMode, options: AttachOptions = {}): Promise<Controller> => {
      const id = target.ids[pollings.indexOf(polling)] as string;
      return within(limits.attach, fixture.env.attach(id, { ioQueues: 2, polling, keepAliveMs, ...options }));
    };
    /**
     * One controller for each way of polling: the tests wait most of their time, so they take all at once. Attached one
     * after the other, so that each has the processors that the time limit of an attach counts on.
     */
    async function attachAll(options?: AttachOptions): Promise<Controller[]> {
      const controllers: Controller[] = [];
      for (const polling of pollings) controllers.push(await attach(polling, options));
      return controllers;
    }

    /** Reads that have no time limit, an admin command, and a batch; the codes they end with. */
    function begin(controller: Controller): Promise<string[]> {
      const ns = namespaceOf(controller);
      const reads = Array.from({ length: 8 }, () => codeOf(ns.read(Buffer.alloc(4096), { offset: 0 })));
      return Promise.all([...reads, codeOf(controller.admin.identify())]);
    }

    it('fails within its keep-alive timeout and a second, and all that was asked ends', async () => {
      const controllers = await attachAll();
      target.freeze();
      await each(controllers, async (controller) => {
        const failed = next(controller, 'failed');
        const codes = timed(begin(controller));
        const { code, ms } = await failed;
        expect(code).toBe('ERR_SPDK_CONTROLLER_FAILED');
        expect(ms).toBeLessThan(noticedMs);
        // The first Keep Alive without a response may have been sent just before: they are a quarter of the timeout apart.
        expect(ms).toBeGreaterThan(0.7 * keepAliveMs);
        expect(controller.state).toBe('failed');
        expect(controller.history.map(({ text }) => text)).toContain(
          `the controller did not respond to a Keep Alive for ${keepAliveMs} ms`,
        );
        const ended = await codes;
        expect(new Set(ended.value)).toEqual(new Set(['ERR_SPDK_IO_FAILED']));
        expect(ended.ms).toBeLessThan(noticedMs + limits.response);
        // No command is sent to the target any more, so this is fast too.
        await within(limits.response, controller.detach());
      });
      await fixture.bystander.expectUndisturbed(limits.stall);
    });

    it('ends a batch that waits', async () => {
      const controllers = await attachAll();
      target.freeze();
      await each(controllers, async (controller) => {
        const ns = namespaceOf(controller);
        const [queuePair] = controller.queuePairs;
        if (!queuePair) throw new Error('the controller has no queue pair');
        const buffer = fixture.env.allocate(8 * 4096);
        const batch = queuePair.openBatch();
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
    });

    it('is connected again by a policy when the target goes on, and I/O that waited completes', async () => {
      const controllers = await attachAll(policy);
      target.freeze();
      const begun = performance.now();
      const reads = controllers.map((controller) =>
        codeOf(namespaceOf(controller).read(Buffer.alloc(4096), { offset: 0 })),
      );
      await each(controllers, async (controller) => {
        const { code, ms } = await next(controller, 'resetting');
        expect(code).toBe('ERR_SPDK_CONTROLLER_FAILED');
        expect(ms).toBeLessThan(noticedMs);
      });
      await sleep(300);
      target.thaw();
      expect(new Set(await Promise.all(reads))).toEqual(new Set(['none']));
      expect(performance.now() - begun).toBeLessThan(limits.noticed);
      await each(controllers, async (controller) => {
        expect(await eventually(limits.response, () => controller.state === 'attached')).toBe(true);
        await within(limits.detach, controller.detach());
      });
    });

    it('is detached in time while a reset connects to it', async () => {
      const controllers = await attachAll(policy);
      target.freeze();
      await each(controllers, async (controller) => {
        await next(controller, 'resetting');
        await sleep(500);
        await within(limits.detach, controller.detach());
      });
    });

    it('is noticed while JavaScript is busy', async () => {
      const controllers = await attachAll();
      target.freeze();
      const failures = controllers.map((controller) => next(controller, 'failed'));
      const codes = controllers.map(begin);
      block(3 * keepAliveMs);
      await each(controllers, async (controller, i) => {
        expect((await failures[i])?.code).toBe('ERR_SPDK_CONTROLLER_FAILED');
        expect((await failures[i])?.ms).toBeLessThan(3 * keepAliveMs + limits.response);
        await codes[i];
        await within(limits.response, controller.detach());
      });
    });

    it('stays attached while only JavaScript is busy', async () => {
      const controllers = await attachAll();
      const loads = controllers.map((controller) => new Load(controller, { depth: 4 }));
      await Promise.all(loads.map((load) => load.progress(4)));
      block(3 * keepAliveMs);
      await each(controllers, (controller, i) => expectServed(controller, loads[i] as Load));
    });

    // One at a time: how soon a target that goes on comes to a Keep Alive depends on what else it has to do.
    it.each(pollings)('stays attached when it is silent for less, again and again (%s)', async (polling) => {
      const controller = await attach(polling, { keepAliveMs: 2 * keepAliveMs });
      const load = new Load(controller, { depth: 4 });
      for (let i = 0; i < 2; i++) {
        await load.progress(4);
        target.freeze();
        // What is left is for a timer that is late, and a target that goes on slowly.
        await sleep(1.4 * keepAliveMs);
        target.thaw();
      }
      await expectServed(controller, load);
    });

    it('is never asked with a keepAliveMs of 0', async () => {
      const controllers = await attachAll({ keepAliveMs: 0 });
      target.freeze();
      const codes = controllers.map(begin);
      await sleep(3 * keepAliveMs);
      expect(controllers.map(({ state }) => state)).toEqual(controllers.map(() => 'attached'));
      target.thaw();
      await each(controllers, async (controller, i) => {
        expect(new Set(await codes[i])).toEqual(new Set(['none']));
        await within(limits.detach, controller.detach());
      });
    });
  });
}
