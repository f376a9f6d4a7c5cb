import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type AttachOptions,
  type Controller,
  Environment,
  type Namespace,
  type ResetReport,
} from '../../../lib/index.js';
import { pollings } from '../support/each-polling.js';
import { limits } from '../support/limits.js';
import { codeOf, eventually, rejection, timed, within } from '../support/timing.js';

/** What a target must be able to do for these tests: go away, so that connections break, and come back. */
export interface LosableTarget {
  /** The transport id of a subsystem whose disk has room for the load, and keeps its data when the connection is lost. */
  readonly transportId: string;
  lose(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** From the loss of a target to the controller's notice of it, by its transport's own means. */
const noticed = 12_000;
/** From a target's return to the end of a reset that waits for it: one delay and one connect. */
const returned = 10_000;
const policy = { reconnectDelayMs: 300, ctrlrLossTimeoutMs: 60_000 };
const forever = { keepAliveMs: 5_000, timeoutMs: 30_000, ioQueues: 2 };

/** The reset tests, for any target that can be lost. */
export function describeReset(name: string, start: () => Promise<LosableTarget>): void {
  describe(name, () => {
    let target: LosableTarget;
    let env: Environment;
    let controller: Controller;

    beforeAll(async () => {
      target = await start();
      env = await Environment.init({ pollers: 2, memoryMb: 192 });
    });
    afterEach(async () => {
      await target.restore();
      await Promise.all(env.controllers.map((left) => left.detach()));
    });
    afterAll(async () => {
      await env?.close();
      await target?.stop();
    });

    async function attach(options: AttachOptions = {}): Promise<Namespace> {
      controller = await env.attach(target.transportId, { ...forever, ...options });
      return controller.namespaces[0] as Namespace;
    }

    /** Writes one block after the other until stopped, and counts the outcomes. */
    function load(ns: Namespace, depth: number) {
      let stopping = false;
      const outcomes = new Map<string, number>();
      const acknowledged = new Map<number, number>();
      async function worker(block: number): Promise<void> {
        const buffer = Buffer.alloc(ns.blockSize);
        for (let value = 1; !stopping; value++) {
          buffer.writeUInt32LE(value);
          const outcome = await codeOf(ns.write(buffer, { offset: block * ns.blockSize }));
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          if (outcome === 'none') acknowledged.set(block, value);
          else await sleep(10);
        }
      }
      const workers = Promise.all(Array.from({ length: depth }, (_, block) => worker(block)));
      return {
        outcomes,
        /** Ends the load, and checks that the disk has every acknowledged write. */
        async end(): Promise<void> {
          stopping = true;
          await workers;
          for (const [block, value] of acknowledged) {
            const read = await ns.read(Buffer.alloc(ns.blockSize), { offset: block * ns.blockSize });
            expect(read.readUInt32LE(), `block ${block}`).toBe(value);
          }
        },
      };
    }

    const once = (event: 'resetting' | 'reset' | 'failed' | 'failingFast'): Promise<unknown[]> =>
      new Promise((resolve) => controller.once(event, (...values: unknown[]) => resolve(values)));

    describe.each(pollings)('polled by %s', (polling) => {
      it('resets when asked, and I/O under way goes on', async () => {
        const ns = await attach({ polling });
        const writes = load(ns, 32);
        const states: string[] = [];
        controller.on('state', (state) => states.push(state));
        for (let round = 0; round < 3; round++) {
          await sleep(50);
          const report = await controller.reset();
          expect(report.attempts).toBe(1);
          expect(report.totalMs).toBeCloseTo(report.disconnectMs + report.connectMs, 0);
        }
        await sleep(50);
        await writes.end();
        expect([...writes.outcomes.keys()]).toEqual(['none']);
        expect(states).toEqual(['resetting', 'attached', 'resetting', 'attached', 'resetting', 'attached']);
        expect(controller.namespaces[0]).toBe(ns);
      });

      it('reconnects by itself after a loss, and I/O waits for it', async () => {
        const ns = await attach({ polling, ...policy });
        const writes = load(ns, 32);
        await sleep(50);
        const resetting = once('resetting');
        const reset = once('reset');
        await target.lose();
        const [reason] = await within(noticed, resetting);
        expect(reason).toMatchObject({ code: 'ERR_SPDK_CONTROLLER_FAILED' });
        await sleep(500);
        expect(controller.state).toBe('resetting');
        await target.restore();
        const [report] = (await within(returned, reset)) as [ResetReport];
        expect(report.attempts).toBeGreaterThan(0);
        expect(controller.state).toBe('attached');
        await sleep(50);
        await writes.end();
        expect([...writes.outcomes.keys()]).toEqual(['none']);
      });
    });

    it('rejects I/O once fastIoFailTimeoutMs is over, and takes it again once it is back', async () => {
      const ns = await attach({ ...policy, fastIoFailTimeoutMs: 600 });
      const block = Buffer.alloc(ns.blockSize);
      const resetting = once('resetting');
      const failingFast = once('failingFast');
      const reset = once('reset');
      await target.lose();
      const waiting = codeOf(ns.write(block, { offset: 0 }));
      await within(noticed, resetting);
      await within(600 + 2 * limits.unreachable, failingFast);
      expect(await within(limits.response, waiting)).toBe('ERR_SPDK_CONTROLLER_FAILED');
      await rejection('ERR_SPDK_CONTROLLER_FAILED', limits.response, ns.write(block, { offset: 0 }));
      await target.restore();
      await within(returned, reset);
      await ns.write(block, { offset: 0 });
    });

    it('fails after ctrlrLossTimeoutMs, and can still be reset or detached', async () => {
      const ns = await attach({ reconnectDelayMs: 300, ctrlrLossTimeoutMs: 1_000 });
      let attempts = 0;
      controller.on('reconnectFailed', () => attempts++);
      const failed = once('failed');
      const resetting = once('resetting');
      await target.lose();
      const waiting = codeOf(ns.write(Buffer.alloc(ns.blockSize), { offset: 0 }));
      await within(noticed, resetting);
      await within(1_000 + 2 * limits.unreachable, failed);
      expect(attempts).toBeGreaterThan(0);
      expect(controller.state).toBe('failed');
      expect(await within(limits.response, waiting)).toBe('ERR_SPDK_CONTROLLER_FAILED');
      await rejection('ERR_SPDK_CONTROLLER_FAILED', limits.response, ns.flush());
      await target.restore();
      await within(returned, controller.reset({ timeoutMs: returned }));
      await ns.flush();
    });

    it('without a policy fails, and a reset brings it back', async () => {
      const ns = await attach();
      const failed = once('failed');
      await target.lose();
      await codeOf(ns.write(Buffer.alloc(ns.blockSize), { offset: 0 }));
      await within(noticed, failed);
      expect(controller.state).toBe('failed');
      const { value: error } = await timed(
        controller.reset({ timeoutMs: noticed }).catch((reason) => reason),
      );
      expect(error.code).toMatch(/ERR_SPDK_(UNREACHABLE|CONNECT_REJECTED|ATTACH_FAILED)/);
      expect(controller.state).toBe('failed');
      await target.restore();
      await within(returned, controller.reset({ timeoutMs: returned }));
      await ns.flush();
    });

    it('shares one reset among its callers, and a detach ends it', async () => {
      await attach();
      const [first, second] = await Promise.all([controller.reset(), controller.reset()]);
      expect(second).toBe(first);
      const reset = codeOf(controller.reset());
      const detached = within(limits.detach, controller.detach());
      // Called in the same turn: the detach may have ended in the next one.
      const rejected = rejection('ERR_SPDK_DETACHING', limits.response, controller.reset());
      expect(await reset).toBe('ERR_SPDK_DETACHING');
      await rejected;
      await detached;
      await rejection('ERR_SPDK_CONTROLLER_DETACHED', limits.response, controller.reset());
    });

    it('is detached within its time while its target is away', async () => {
      const ns = await attach(policy);
      const resetting = once('resetting');
      await target.lose();
      const waiting = codeOf(ns.write(Buffer.alloc(ns.blockSize), { offset: 0 }));
      await within(noticed, resetting);
      const report = await within(limits.detach, controller.detach());
      expect(report.aborted).toBe(1);
      expect(await waiting).toBe('ERR_SPDK_IO_FAILED');
      expect(await eventually(limits.response, () => controller.state === 'detached')).toBe(true);
    });
  });
}
