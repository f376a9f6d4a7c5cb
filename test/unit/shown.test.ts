// What programs see of the public objects when they log them.

import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Controller, Environment } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { makeBed } from './standin/bed.js';

let env: Environment;
let controller: Controller;

beforeEach(async () => {
  const bed = await makeBed();
  bed.disk('a');
  env = bed.env;
  controller = await bed.attach('a', { ioQueues: 2 });
});

afterEach(async () => {
  await env.close();
  useAddon(undefined);
});

it('JSON has what names an object, and its state', () => {
  const { transportId, hostNqn, hostId } = controller;
  const shown = { transportId, hostNqn, hostId, state: 'attached' };
  expect(JSON.parse(JSON.stringify({ controller }))).toEqual({ controller: shown });
  expect(JSON.parse(JSON.stringify(env))).toEqual({ controllers: [shown], closed: false });
  expect(JSON.parse(JSON.stringify(controller.queuePairs))).toMatchObject([{ index: 0 }, { index: 1 }]);
  expect(JSON.parse(JSON.stringify(controller.namespaces))).toMatchObject([{ id: 1, blocks: 64 }]);
  expect(JSON.stringify(controller.queuePairs[0]?.openBatch())).toMatch(/^\{/);
});

it('no internal object is shown on the console', () => {
  const shown = inspect([env, controller, controller.queuePairs, controller.namespaces], { depth: 9 });
  expect(shown).not.toMatch(/DmaMemory|HeldEvents|SubmissionQueue|Ring|Function/);
});
