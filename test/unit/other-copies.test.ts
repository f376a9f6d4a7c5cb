// Objects that only look like those of this package.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { open } from '../../lib/file/index.js';
import { exportStats } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
  fixture.disk('a');
});
afterEach(async () => {
  await fixture.env.close();
  useAddon(undefined);
});

it('an object behind a proxy, or of another copy of the package, is named as such', async () => {
  const { namespaces, queuePairs } = await fixture.attach('a');
  const [ns] = namespaces;
  const [pair] = queuePairs;
  class QueuePair {}
  for (const [queuePair, hint] of [
    [new Proxy(pair as object, {}), 'pass the object itself'],
    [new QueuePair(), 'install one copy of the package'],
    [Object.create(null), 'got an object'],
  ] as const) {
    const read = ns?.read(Buffer.alloc(512), { offset: 0, queuePair: queuePair as typeof pair });
    await expect(read).rejects.toMatchObject({
      code: 'ERR_SPDK_INVALID_ARG_TYPE',
      message: expect.stringMatching(hint),
    });
  }
});

it('an object of another copy is named as such, of whichever class it may be', async () => {
  // A bundle may have a copy of one entry of the package only, as of spdk-nvme/file.
  class Namespace {}
  class SubsystemNamespace {}
  class EnvironmentShare {}
  for (const call of [
    () => open(new Namespace() as never),
    () => open(new SubsystemNamespace() as never),
    () => exportStats(new EnvironmentShare() as never),
  ]) {
    const message = expect.stringContaining('have no bundler copy a part of it');
    await expect(call()).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_TYPE', message });
  }
});
