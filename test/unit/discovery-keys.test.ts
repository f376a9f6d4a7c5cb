// Keys for discovery services, and for what their logs list, on the addon in memory.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AttachOptions } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import type { NativeKeys } from '../../lib/native/contract.js';
import type { MemoryDiscovery } from '../../lib/testing/discovery.js';
import { keyText } from '../support/keys.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

const service = 'trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420';
const nqn = 'nqn.2026-01.io.spdk:a';
const entry = { traddr: '127.0.0.1', subnqn: nqn };
const secure = { ...entry, treq: 1 };
const mine = keyText('dhchap', '01', 32);
const psk = keyText('tls', '01', 32);
const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
/** New buffers each time: callers may wipe theirs. */
const dhchap = () => ({ key: Buffer.from(mine) });
const tls = () => ({ psk: Buffer.from(psk) });

let fixture: Fixture;
let discovery: MemoryDiscovery;
let passed: NativeKeys[];

beforeEach(async () => {
  fixture = await makeFixture();
  discovery = fixture.target.addDiscovery();
  discovery.entries = [entry];
  fixture.disk('a');
  passed = [];
  const [native] = fixture.addon.environments;
  const attach = native?.attach.bind(native);
  if (!native || !attach) throw new Error('no environment');
  native.attach = (request) => {
    passed.push(request.keys);
    return attach(request);
  };
});
afterEach(async () => {
  await fixture.env.close();
  expect(passed.flatMap((keys) => [...keys.dhchapKey, ...keys.tlsPsk]).every((byte) => byte === 0)).toBe(
    true,
  );
  useAddon(undefined);
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code,
  );

/** Wipes the caller's key as soon as the call has returned its promise. */
function wiping<Result>(key: Buffer, promise: Promise<Result>): Promise<Result> {
  key.fill(0);
  return promise;
}

it('a log is read from a service that accepts the keys only, and from those that it refers to', async () => {
  discovery.keys = { dhchapKey: mine, tlsPsk: psk };
  const far = fixture.addon.addTarget({ traddr: '127.0.0.2', trsvcid: '4420' }).addDiscovery();
  far.keys = discovery.keys;
  far.entries = [entry];
  discovery.entries = [{ subtype: 1, traddr: '127.0.0.2', subnqn: far.nqn }];
  expect(await codeOf(fixture.env.discover(service))).toBe(failed);
  expect(await codeOf(fixture.env.discover(service, { dhchap: dhchap() }))).toBe(failed);
  const key = Buffer.from(mine);
  const options = { dhchap: { key }, tls: tls(), referralDepth: 1 };
  const log = await wiping(key, fixture.env.discover(service, options));
  expect(log.referrals[0]?.entries).toHaveLength(1);
  expect(log.failures).toEqual([]);
});

it('a watch reads it again with them after a loss', async () => {
  discovery.keys = { dhchapKey: mine };
  expect(await codeOf(fixture.env.watchDiscovery(service))).toBe(failed);
  const key = Buffer.from(mine);
  const watch = await wiping(
    key,
    fixture.env.watchDiscovery(service, { dhchap: { key }, reconnectDelayMs: 5 }),
  );
  const reset = new Promise((resolve) => watch.once('reset', resolve));
  for (const link of [...fixture.target.connections]) link.lose('the link is down');
  await reset;
  await watch.close();
});

it('attachAll attaches what requires TLS with a key alone, over TCP alone', async () => {
  (fixture.target.subsystems.get(nqn) as { keys: unknown }).keys = { dhchapKey: mine, tlsPsk: psk };
  discovery.entries = [secure, { ...secure, trtype: 1 }];
  const log = await fixture.env.discover(service);
  const skipped = async (options: AttachOptions) =>
    (await fixture.env.attachAll(log, options)).skipped.map(({ entry: { transport }, reason }) => [
      transport,
      reason,
    ]);
  const rdma = ['rdma', 'secure-channel'];
  expect(await skipped({ dhchap: dhchap() })).toEqual([['tcp', 'secure-channel'], rdma]);
  const key = Buffer.from(mine);
  const report = await wiping(key, fixture.env.attachAll(log, { dhchap: { key }, tls: tls() }));
  expect(report.attached).toHaveLength(1);
  expect(report.skipped.map(({ reason }) => reason)).toEqual(['secure-channel']);
});

it('attachAll gives them to the service whose log it reads', async () => {
  discovery.keys = { dhchapKey: mine };
  expect(await codeOf(fixture.env.attachAll(service))).toBe(failed);
  expect((await fixture.env.attachAll(service, { dhchap: dhchap() })).attached).toHaveLength(1);
});

it.each([true, false])('follow adds paths that require TLS if there is a key: %s', async (withKey) => {
  const keys = withKey ? { tlsPsk: psk } : {};
  (fixture.target.subsystems.get(nqn) as { keys: unknown }).keys = keys;
  const other = fixture.addon.addTarget({ traddr: '127.0.0.2', trsvcid: '4420' }).addSubsystem(nqn);
  other.keys = { tlsPsk: psk };
  const subsystem = await fixture.env.attachSubsystem(
    [`${service} subnqn:${nqn}`],
    withKey ? { tls: tls() } : {},
  );
  discovery.entries = [entry, { ...secure, traddr: '127.0.0.2' }];
  await using watch = await fixture.env.watchDiscovery(service);
  subsystem.follow(watch);
  const up = () => subsystem.paths.filter(({ state }) => state === 'up').length;
  if (withKey) await vi.waitFor(() => expect(up()).toBe(2));
  else expect(subsystem.paths).toHaveLength(1);
});
