import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Controller, Environment } from '../../../lib/index.js';
import type { TargetListener } from '../../../scripts/target/config.js';
import { ensureHugepages } from '../../../scripts/target/hugepages.js';
import { limits } from '../support/limits.js';
import { Load } from '../support/load.js';
import { timed } from '../support/timing.js';
import { FaultyTarget, memoryMb, twoTargetsMb } from './target.js';

export interface ManyDetachedEnvironment {
  /** The ids at the target that meets the fault, and at the other one. */
  readonly listeners: readonly [TargetListener, TargetListener];
  /** The controllers, half of them at each target. */
  readonly controllers: number;
  readonly expectNothingHeld: (limitMs?: number) => Promise<void>;
}

/** Many controllers are detached at the same time, half of them from a target that has just died. */
export function describeManyDetached(title: string, environment: ManyDetachedEnvironment): void {
  describe(title, () => {
    const [dead, alive] = environment.listeners.map(
      (listener) => new FaultyTarget(listener, undefined, environment.controllers / 2),
    ) as [FaultyTarget, FaultyTarget];
    let env: Environment;
    beforeAll(async () => {
      ensureHugepages(memoryMb + twoTargetsMb);
      env = await Environment.init({ pollers: 2, memoryMb });
    });
    // A new target for each test: v20.07's nvmf_tgt can crash when many hosts reconnect at once, or when it continues with connections
    // that their hosts have ended meanwhile.
    const start = () => Promise.all([dead.start(), alive.start()]);
    const kill = () => Promise.all([dead.kill(), alive.kill()]);
    beforeEach(start);
    afterEach(async () => {
      await kill();
      await Promise.all(env.controllers.map((controller) => controller.detach()));
    });
    afterAll(() => env.close());

    const ids = [...dead.ids, ...alive.ids];
    /** The time limit of that many detaches: the last one waits for all the others. */
    const timeoutMs = 60_000;
    async function attachAll(): Promise<Controller[]> {
      const attaches = ids.map((id) => env.attach(id, { ioQueues: 1, timeoutMs }));
      await Promise.allSettled(attaches);
      return Promise.all(attaches);
    }
    /** Once more if v20.07's nvmf_tgt has crashed, whose last lines are printed: it is not what is tested. */
    async function attachedAll(): Promise<Controller[]> {
      try {
        return await attachAll();
      } catch (error) {
        if (!(await kill()).includes(true)) throw error;
        await Promise.all(env.controllers.map((controller) => controller.detach()));
        await start();
        return attachAll();
      }
    }

    it.each([
      { fault: 'hangs', strike: async () => dead.freeze() },
      { fault: 'is killed', strike: () => dead.kill() },
    ])('$fault: all of them end in time', { timeout: 180_000 }, async ({ strike }) => {
      const controllers = await attachedAll();
      const loads = controllers.map((controller) => new Load(controller, { depth: 2 }));
      await Promise.all(loads.map((load) => load.progress()));
      await strike();
      for (const load of loads) load.stop();
      const outcomes = await Promise.all(controllers.map((controller) => timed(controller.detach())));
      expect(controllers.map(({ state }) => state)).toEqual(controllers.map(() => 'detached'));
      expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(limits.detach);
      const healthy = outcomes.slice(dead.ids.length).map(({ value }) => value);
      expect(healthy.reduce((sum, { aborted }) => sum + aborted, 0)).toBe(0);
      await Promise.all(loads.map((load) => load.expectAllEnd(limits.response)));
      await dead.kill();
      await environment.expectNothingHeld(limits.noticed);
    });
  });
}
