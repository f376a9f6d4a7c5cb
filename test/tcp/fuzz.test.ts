// A few seconds of what `npm run fuzz` does for minutes. A failure's message has the seed.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { fuzzNative } from '../../scripts/fuzz/native.js';
import { startFuzzTarget } from '../../scripts/fuzz/target.js';

let target: Awaited<ReturnType<typeof startFuzzTarget>>;
beforeAll(async () => {
  target = await startFuzzTarget();
});
afterAll(() => target?.stop());

it('native functions reject whatever is wrong, and nothing crashes', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let outcome = await fuzzNative(4, seed, target.transportIds);
  // Thousands, or a few tens if one attach takes nearly all of the time, as with seed 1625012376: then there is more.
  if (outcome.calls <= 100 || outcome.attached === 0)
    outcome = await fuzzNative(20, seed, target.transportIds);
  const { calls, rejected, attached } = outcome;
  expect(calls).toBeGreaterThan(100);
  expect(rejected).toBeGreaterThan(calls / 20);
  expect(attached).toBeGreaterThan(0);
});
