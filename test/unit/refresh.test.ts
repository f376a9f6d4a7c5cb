// Readings of what changes, in every order of requests, ends and failures.

import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Refresh } from '../../lib/multipath/refresh.js';

const retryMs = 500;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A value that changes, its reading, and what was read last. */
class World {
  value = 0;
  seen = 0;
  ready = true;
  readings = 0;
  settle: ((fails: boolean) => void) | undefined;
  readonly refresh = new Refresh(retryMs, {
    ready: () => this.ready,
    read: () => this.#read(),
  });

  async #read(): Promise<void> {
    expect(this.settle).toBeUndefined();
    this.readings++;
    const read = this.value;
    const fails = await new Promise<boolean>((resolve) => {
      this.settle = resolve;
    });
    this.settle = undefined;
    if (fails) throw new Error('not read');
    this.seen = read;
  }

  change(): void {
    this.value++;
    this.refresh.request();
  }

  async end(fails: boolean): Promise<void> {
    this.settle?.(fails);
    await vi.advanceTimersByTimeAsync(0);
  }
}

const step = fc.oneof(
  fc.constant((world: World) => world.change()),
  fc.constant((world: World) => world.end(false)),
  fc.constant((world: World) => world.end(true)),
  fc.constant((world: World) => {
    world.ready = false;
  }),
  fc.constant((world: World) => {
    world.ready = true;
    if (world.refresh.due) world.refresh.request();
  }),
  fc.constant((): unknown => vi.advanceTimersByTimeAsync(retryMs)),
);

it('reads once at a time, and in the end what there is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const world = new World();
      for (const next of steps) {
        await next(world);
        // What has changed is being read, or will be.
        if (world.seen !== world.value) expect(world.settle !== undefined || world.refresh.due).toBe(true);
      }
      world.ready = true;
      await vi.advanceTimersByTimeAsync(retryMs);
      if (world.refresh.due) world.refresh.request();
      while (world.settle) await world.end(false);
      expect(world.seen).toBe(world.value);
      expect(world.refresh.due).toBe(false);
    }),
    { seed: 7, numRuns: 300 },
  );
});

it('does not read again for requests before the reading began, and once for any number during it', async () => {
  const world = new World();
  world.ready = false;
  world.change();
  world.change();
  world.ready = true;
  world.refresh.request();
  expect(world.readings).toBe(1);
  for (let i = 0; i < 3; i++) world.change();
  await world.end(false);
  expect(world.readings).toBe(2);
  await world.end(false);
  expect(world.readings).toBe(2);
  expect(world.seen).toBe(5);
});

it('reads again after a failure, when the pause is over, and knows it until one succeeds', async () => {
  const world = new World();
  world.change();
  await world.end(true);
  expect(world.readings).toBe(1);
  expect(world.refresh.failure).toMatchObject({ message: 'not read' });
  await vi.advanceTimersByTimeAsync(retryMs);
  expect(world.readings).toBe(2);
  expect(world.refresh.failure).toBeDefined();
  await world.end(false);
  expect(world.refresh.failure).toBeUndefined();
});
