// Other keys for an attached controller, on the addon in memory.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ChangeKeysOptions, Controller } from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import type { NativeController, NativeKeys } from '../../lib/native/contract.js';
import { KeySource } from '../../lib/options/key-source.js';
import type { MemorySubsystem } from '../../lib/testing/subsystem.js';
import { keyText } from '../support/keys.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

const before = keyText('dhchap', '01', 32);
const after = keyText('dhchap', '01', 32);
const theirs = keyText('dhchap', '00', 48);
const failed = 'ERR_SPDK_AUTHENTICATION_FAILED';
const with_ = (key: string, more: object = {}) => ({ dhchap: { key: Buffer.from(key), ...more } });

let fixture: Fixture;
let subsystem: MemorySubsystem;

beforeEach(async () => {
  fixture = await makeFixture();
  subsystem = fixture.disk('a');
  subsystem.keys = { dhchapKey: before };
});
afterEach(async () => {
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  useAddon(undefined);
});

const attach = (reconnect = {}) => fixture.attach('a', { ...with_(before), ...reconnect });
const policy = { ctrlrLossTimeoutMs: 5_000, reconnectDelayMs: 10 };
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code,
  );
async function works(controller: Controller): Promise<boolean> {
  const read = await controller.namespaces[0]?.read(Buffer.alloc(512, 1), { offset: 0 });
  return read !== undefined;
}

it('is used at once and by each further connection', async () => {
  const controller = await attach();
  subsystem.keys = { dhchapKey: after, dhchapControllerKey: theirs };
  const given = Buffer.from(after);
  const change = controller.changeKeys({ dhchap: { key: given, controllerKey: Buffer.from(theirs) } });
  given.fill(0);
  await change;
  expect(controller.state).toBe('attached');
  await controller.reset();
  expect(await works(controller)).toBe(true);
});

it('leaves the old keys and ends the connection if the target does not accept it', async () => {
  const controller = await attach(policy);
  const reset = new Promise((resolve) => controller.once('reset', resolve));
  expect(await codeOf(controller.changeKeys(with_(after)))).toBe(failed);
  await reset;
  expect(await works(controller)).toBe(true);
  const other = await fixture.attach('a', { ...with_(before), hostNqn: 'nqn.2026-01.io.spdk:other' });
  expect(await codeOf(other.changeKeys(with_(after)))).toBe(failed);
  await vi.waitFor(() => expect(other.state).toBe('failed'));
});

it('is used by the next connection of a controller that has none', async () => {
  const controller = await attach();
  subsystem.keys = { dhchapKey: after };
  expect(await codeOf(controller.reset())).toBe(failed);
  expect(controller.state).toBe('failed');
  await controller.changeKeys(with_(after));
  await controller.reset();
  expect(await works(controller)).toBe(true);
});

it('comes after an earlier one', async () => {
  const controller = await attach(policy);
  subsystem.keys = { dhchapKey: after };
  const outcomes = [controller.changeKeys(with_(after)), controller.changeKeys(with_(after))].map(codeOf);
  expect(await Promise.all(outcomes)).toEqual(['none', 'none']);
});

it('ends in time when the target does not respond, and when the controller is detached meanwhile', async () => {
  const controller = await attach();
  fixture.target.silent = true;
  expect(await codeOf(controller.changeKeys({ ...with_(before), timeoutMs: 50 }))).toBe('ERR_SPDK_TIMEOUT');
  fixture.target.silent = false;
  await controller.detach();
  const another = await attach();
  fixture.target.silent = true;
  const change = codeOf(another.changeKeys(with_(before)));
  await another.detach({ drainMs: 0 });
  fixture.target.silent = false;
  expect(await change).toMatch(/^ERR_SPDK_(CONTROLLER_FAILED|DETACHING|TIMEOUT)$/);
  expect(await codeOf(another.changeKeys(with_(before)))).toBe('ERR_SPDK_CONTROLLER_DETACHED');
});

it('begins once native code has ended the earlier one, and not at all if its caller has stopped waiting', async () => {
  const controller = await attach();
  const native = Object.getPrototypeOf(fixture.addon.environments[0]?.controllers[0]) as NativeController;
  const wipes = vi.spyOn(KeySource.prototype, 'wipe');
  const ends: (() => void)[] = [];
  const spy = vi.spyOn(native, 'changeKeys').mockImplementation(({ done }) => {
    ends.push(() => done(null));
  });
  const timesOut = async () =>
    expect(await codeOf(controller.changeKeys({ ...with_(before), timeoutMs: 20 }))).toBe('ERR_SPDK_TIMEOUT');
  await timesOut();
  // Native code is still busy with the change that has timed out.
  await timesOut();
  const last = controller.changeKeys(with_(before));
  await new Promise((resolve) => setImmediate(resolve));
  expect(spy).toHaveBeenCalledTimes(1);
  ends[0]?.();
  await vi.waitFor(() => expect(spy).toHaveBeenCalledTimes(2));
  ends[1]?.();
  await last;
  expect(new Set(wipes.mock.contexts).size).toBe(3);
  vi.restoreAllMocks();
});

it('wipes what it copies', async () => {
  const controller = await attach();
  let passed: NativeKeys | undefined;
  const native = Object.getPrototypeOf(fixture.addon.environments[0]?.controllers[0]) as NativeController;
  const spy = vi.spyOn(native, 'changeKeys').mockImplementation(({ keys, done }) => {
    passed = keys;
    done(null);
  });
  await controller.changeKeys(with_(before));
  spy.mockRestore();
  expect(passed?.dhchapKey.length).toBeGreaterThan(0);
  expect(passed?.dhchapKey.every((byte) => byte === 0)).toBe(true);
});

it.each<[string, unknown, string]>([
  ['nothing', undefined, 'ERR_SPDK_INVALID_ARG_VALUE'],
  ['no key', { dhchap: {} }, 'ERR_SPDK_INVALID_ARG_VALUE'],
  ['a malformed key', with_('no key'), 'ERR_SPDK_INVALID_KEY'],
  ['groups, which stay', with_(before, { groups: ['null'] }), 'ERR_SPDK_UNKNOWN_OPTION'],
  ['a key for TLS', { tls: { psk: Buffer.from(before) } }, 'ERR_SPDK_UNKNOWN_OPTION'],
  ['a time out of range', { ...with_(before), timeoutMs: 0 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
])('rejects %s', async (_, options, code) => {
  const controller = await attach();
  expect(await codeOf(controller.changeKeys(options as ChangeKeysOptions))).toBe(code);
  expect(controller.state).toBe('attached');
});
