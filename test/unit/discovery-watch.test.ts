// A watched discovery service in memory: changes, lost connections, and an end at every moment. Longer than other files:
// the cases share one fixture.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChangeFeed } from '../../lib/discovery/change-feed.js';
import { changeOf } from '../../lib/discovery/changes.js';
import { logOf } from '../../lib/discovery/read-log.js';
import type { DiscoveryChange, DiscoveryWatch, WatchDiscoveryOptions } from '../../lib/index.js';
import { ProcessHold } from '../../lib/internal/process-hold.js';
import { useAddon } from '../../lib/native/addon.js';
import { parseTransportId } from '../../lib/options/transport-id.js';
import { MemoryController } from '../../lib/testing/controller.js';
import type { MemoryDiscovery } from '../../lib/testing/discovery.js';
import { discoveryLog, type WrittenEntry } from '../../lib/testing/discovery-log.js';
import type { MemoryLink } from '../../lib/testing/faults.js';
import { type Fixture, makeFixture } from './memory/fixture.js';

vi.setConfig({ testTimeout: 30_000 });

const service = 'trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420';
const entry = (name: string): WrittenEntry => ({ subnqn: `nqn.2026-01.io.spdk:${name}` });
const names = (entries: DiscoveryChange['added']) =>
  entries.map(({ subsystemNqn }) => subsystemNqn.slice(20));
/** A change in short, as in ['+a', '-b']. */
const inShort = ({ added, removed, changed }: DiscoveryChange) => [
  ...names(added).map((name) => `+${name}`),
  ...names(removed).map((name) => `-${name}`),
  ...names(changed).map((name) => `~${name}`),
];

let fixture: Fixture;
let discovery: MemoryDiscovery;
beforeEach(async () => {
  fixture = await makeFixture();
  discovery = fixture.target.addDiscovery();
  discovery.entries = [entry('a')];
});
afterEach(async () => {
  vi.useRealTimers();
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  // Responses that nothing waits for may still be on their way.
  await eventually(() => expect(fixture.addon.scheduler.pending).toBe(0));
  expect(fixture.target.connections.size).toBe(0);
  useAddon(undefined);
});

/** A watch and what its listeners hear, a line for each event. */
async function watched(options?: WatchDiscoveryOptions): Promise<[DiscoveryWatch, string[]]> {
  const watch = await fixture.env.watchDiscovery(service, options);
  const heard: string[] = [];
  watch.on('change', (change) => heard.push(inShort(change).join(' ')));
  watch.on('resetting', () => heard.push('resetting'));
  watch.on('reconnectFailed', () => heard.push('reconnectFailed'));
  watch.on('reset', () => heard.push('reset'));
  watch.on('readFailed', ({ code }) => heard.push(`readFailed ${code}`));
  watch.on('closed', (error) => heard.push(`closed ${error?.code ?? ''}`.trim()));
  return [watch, heard];
}

/** Waits for what comes at once on a machine that has nothing else to do. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000 });
const until = (heard: string[], last: string) => eventually(() => expect(heard.at(-1)).toBe(last));

it.each(['discover', 'watchDiscovery'] as const)(
  'env.%s names the time limit that it was given',
  async (call) => {
    // Each step has less time than the whole, and one of those after the connection has too little.
    fixture.target.latencyMs = 200;
    await expect(fixture.env[call](service, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'ERR_SPDK_TIMEOUT',
      message: expect.stringContaining('Discovery at 127.0.0.1 took more than 300 ms. '),
    });
  },
);

describe('env.watchDiscovery', () => {
  it('reports what the log has, and then each change', async () => {
    const [watch, heard] = await watched();
    expect(watch.log.entries).toHaveLength(1);
    await until(heard, '+a');
    discovery.entries = [entry('a'), entry('b')];
    await until(heard, '+b');
    discovery.entries = [entry('b')];
    await until(heard, '-a');
    discovery.entries = [{ ...entry('b'), portId: 9 }];
    await until(heard, '~b');
    expect(heard).toEqual(['+a', '+b', '-a', '~b']);
    expect(watch.log.entries.map(({ portId }) => portId)).toEqual([9]);
    expect(watch).toMatchObject({ notified: true, connected: true, closed: false });
    expect(watch.transportId.traddr).toBe('127.0.0.1');
    expect(JSON.parse(JSON.stringify(watch))).toMatchObject({
      connected: true,
      notified: true,
      closed: false,
    });
    await watch.close();
    expect(heard.at(-1)).toBe('closed');
    expect(watch).toMatchObject({ connected: false, closed: true });
  });

  it('reads again what changed while it was being read', async () => {
    const [, heard] = await watched();
    await until(heard, '+a');
    fixture.target.latencyMs = 5;
    discovery.entries = [entry('a'), entry('b')];
    const before = discovery.reads;
    await eventually(() => expect(discovery.reads).toBeGreaterThan(before));
    discovery.entries = [entry('c')];
    await eventually(() => expect(heard.join(' ')).toMatch(/\+c.*$/));
    expect((await fixture.env.discover(service)).entries).toHaveLength(1);
  });

  it('gives a loop the changes, several at once when it is slow', async () => {
    const [watch, heard] = await watched();
    const seen: string[][] = [];
    for await (const change of watch) {
      seen.push(inShort(change));
      if (seen.length === 1) {
        discovery.entries = [entry('a'), entry('b')];
        await until(heard, '+b');
        discovery.entries = [entry('c')];
        await until(heard, '+c -a -b');
      }
      if (seen.length === 2) void watch.close();
    }
    expect(seen).toEqual([['+a'], ['+c', '-a']]);
  });

  it('does not show in env.controllers, and lets others discover beside it', async () => {
    const [watch] = await watched();
    const [another] = await watched();
    const events: string[] = [];
    fixture.env.on('attached', () => events.push('attached'));
    fixture.env.on('detached', () => events.push('detached'));
    expect(fixture.env.controllers).toEqual([]);
    expect(fixture.env.stats().controllers).toEqual([]);
    expect(fixture.env.stats().discoveryConnections).toBe(2);
    expect((await fixture.env.discover(service)).entries).toHaveLength(1);
    await watch.close();
    await another.close();
    expect(fixture.env.stats().discoveryConnections).toBe(0);
    expect(events).toEqual([]);
  });

  it.each([
    ['offers no event', { offers: false }],
    ['supports no events', { accepts: false }],
  ])('polls a service that %s', async (_, lacking) => {
    Object.assign(discovery, lacking);
    const [watch, heard] = await watched({ pollIntervalMs: 100 });
    expect(watch.notified).toBe(false);
    await until(heard, '+a');
    discovery.entries = [entry('b')];
    await until(heard, '+b -a');
    await watch.close();
    const { reads } = discovery;
    vi.useFakeTimers();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(discovery.reads).toBe(reads);
  });

  it('polls no service that reports changes, and none with an interval of 0', async () => {
    await watched({ pollIntervalMs: 100 });
    discovery.offers = false;
    await watched({ pollIntervalMs: 0 });
    const { reads } = discovery;
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(discovery.reads).toBe(reads);
  });

  it('connects again, and reports what has changed meanwhile', async () => {
    const [watch, heard] = await watched({ reconnectDelayMs: 10 });
    await until(heard, '+a');
    fixture.target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
    fixture.target.dropLinks();
    await until(heard, 'reconnectFailed');
    expect(watch.connected).toBe(false);
    discovery.entries = [entry('b')];
    fixture.target.rejection = undefined;
    await until(heard, '+b -a');
    expect(heard.filter((line) => line !== 'reconnectFailed')).toEqual(['+a', 'resetting', 'reset', '+b -a']);
    // Events have to be asked for on each connection.
    discovery.entries = [entry('c')];
    await until(heard, '+c -b');
    await watch.close();
  });

  it('says nothing of a log that is the same after a reconnect', async () => {
    const [watch, heard] = await watched({ reconnectDelayMs: 10 });
    await until(heard, '+a');
    const { reads } = discovery;
    fixture.target.dropLinks();
    await until(heard, 'reset');
    await eventually(() => expect(discovery.reads).toBeGreaterThan(reads));
    discovery.entries = [entry('b')];
    await until(heard, '+b -a');
    expect(heard).toEqual(['+a', 'resetting', 'reset', '+b -a']);
    await watch.close();
  });

  it('asks for events again where the command for that was aborted', async () => {
    const [watch, heard] = await watched({ reconnectDelayMs: 10 });
    await until(heard, '+a');
    const respond = discovery.admin.bind(discovery);
    // Of Set Features. SPDK ends the commands of a lost connection with "Command Aborted due to SQ Deletion".
    const statuses = [0x08, 0x07, 0x371];
    vi.spyOn(discovery, 'admin').mockImplementation((question, from) => {
      const status = question.opcode === 0x09 ? statuses.shift() : undefined;
      return status ? { status, cdw0: 0, data: new Uint8Array(0) } : respond(question, from);
    });
    fixture.target.dropLinks();
    await eventually(() => expect(statuses).toEqual([]));
    const failed = 'readFailed ERR_SPDK_IO_FAILED';
    await until(heard, failed);
    discovery.entries = [entry('b')];
    await until(heard, '+b -a');
    expect(heard).toEqual(['+a', 'resetting', 'reset', failed, failed, failed, '+b -a']);
    expect(watch.notified).toBe(true);
    discovery.entries = [entry('c')];
    await until(heard, '+c -b');
  });

  it('asks for events again where the connection was lost after that while JavaScript was busy', async () => {
    const [watch, heard] = await watched({ reconnectDelayMs: 10 });
    await until(heard, '+a');
    const { channel } = fixture.addon;
    const kept: (() => void)[] = [];
    const respond = discovery.admin.bind(discovery);
    let lost: MemoryLink | undefined;
    // Identify, and Set Features, whose response is heard of together with the loss and the new connection.
    const admin = vi.spyOn(discovery, 'admin').mockImplementationOnce(respond);
    admin.mockImplementationOnce((question, from) => {
      lost = from;
      vi.spyOn(channel, 'post').mockImplementation((task) => void kept.push(task));
      setTimeout(() => fixture.target.dropLinks(), 5);
      return respond(question, from);
    });
    fixture.target.dropLinks();
    await eventually(() => expect([lost?.alive, watch.connected]).toEqual([false, true]));
    vi.mocked(channel.post).mockRestore();
    for (const task of kept) channel.post(task);
    await eventually(() => expect(heard).toEqual(['+a', 'resetting', 'reset', 'resetting', 'reset']));
    discovery.entries = [entry('b')];
    await until(heard, '+b -a');
  });

  it('notices a service that falls silent by its keep-alive', async () => {
    const [watch, heard] = await watched({ keepAliveMs: 1_000, reconnectDelayMs: 10, timeoutMs: 2_000 });
    await until(heard, '+a');
    fixture.target.silent = true;
    await eventually(() => expect(heard).toContain('resetting'));
    fixture.target.silent = false;
    await eventually(() => expect(heard).toContain('reset'));
    await watch.close();
  });

  it('ends with an error when the service is lost for good', async () => {
    const [watch, heard] = await watched({ ctrlrLossTimeoutMs: 0 });
    await until(heard, '+a');
    const loop = (async () => {
      for await (const _ of watch);
    })();
    fixture.target.dropLinks();
    await expect(loop).rejects.toMatchObject({ code: 'ERR_SPDK_CONTROLLER_FAILED' });
    await until(heard, 'closed ERR_SPDK_CONTROLLER_FAILED');
    await watch.close();
    expect(watch.closed).toBe(true);
  });

  it('reads again when the log cannot be read, and reports that', async () => {
    const [watch, heard] = await watched({ timeoutMs: 400, reconnectDelayMs: 100 });
    await until(heard, '+a');
    fixture.target.latencyMs = 800;
    discovery.entries = [entry('b')];
    await until(heard, 'readFailed ERR_SPDK_TIMEOUT');
    fixture.target.latencyMs = 0;
    await until(heard, '+b -a');
    await watch.close();
  });

  it('holds the process only while a loop waits', async () => {
    const [watch, heard] = await watched();
    await until(heard, '+a');
    const set = vi.spyOn(ProcessHold.prototype, 'set');
    const reader = watch[Symbol.asyncIterator]();
    await reader.next();
    expect(set).not.toHaveBeenCalled();
    const next = reader.next();
    await eventually(() => expect(set).toHaveBeenCalledTimes(1));
    expect(set).toHaveBeenLastCalledWith(true);
    const [hold] = set.mock.contexts;
    await watch.close();
    expect(await next).toEqual({ done: true, value: undefined });
    const last = set.mock.contexts.lastIndexOf(hold as ProcessHold);
    expect(set.mock.calls[last]).toEqual([false]);
    set.mockRestore();
  });
});

describe('a watch ends', () => {
  it('before it has begun, by its signal', async () => {
    const signal = AbortSignal.abort('no');
    await expect(fixture.env.watchDiscovery(service, { signal })).rejects.toMatchObject({
      code: 'ERR_SPDK_ABORTED',
      cause: 'no',
    });
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 8, 12])('%d ms after the call, by its signal', async (ms) => {
    fixture.target.latencyMs = 1;
    const stop = new AbortController();
    setTimeout(() => stop.abort(), ms);
    const outcome = await fixture.env.watchDiscovery(service, { signal: stop.signal }).then(
      async (watch) => {
        for await (const _ of watch);
        await watch.close();
        return 'closed';
      },
      ({ code }) => code,
    );
    expect(['closed', 'ERR_SPDK_ABORTED']).toContain(outcome);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 8, 12])('%d ms after the call, with its environment', async (ms) => {
    fixture.target.latencyMs = 1;
    const closed = new Promise((resolve) => setTimeout(() => resolve(fixture.env.close()), ms));
    const outcome = await fixture.env.watchDiscovery(service).then(
      async (watch) => {
        for await (const _ of watch);
        await watch.close();
        return 'closed';
      },
      ({ code }) => code,
    );
    expect(['closed', 'ERR_SPDK_ENV_CLOSED']).toContain(outcome);
    await closed;
  });

  it.each(['watchDiscovery', 'discover', 'attachAll'] as const)(
    'with its environment, while %s() reads the log',
    async (call) => {
      fixture.target.latencyMs = 400;
      const reading = fixture.env[call](service);
      reading.catch(() => {});
      await vi.waitFor(() => expect(fixture.env.stats().discoveryConnections).toBe(1), { interval: 1 });
      await fixture.env.close();
      await expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_ENV_CLOSED' });
    },
  );

  it.each(['watchDiscovery', 'discover', 'attachAll'] as const)(
    'with the caller’s own reason, though the environment is closed in the same moment: %s()',
    async (call) => {
      fixture.target.latencyMs = 400;
      const stop = new AbortController();
      const reading = fixture.env[call](service, { signal: stop.signal });
      reading.catch(() => {});
      await vi.waitFor(() => expect(fixture.env.stats().discoveryConnections).toBe(1), { interval: 1 });
      const bad = fixture.env[call]('nonsense');
      bad.catch(() => {});
      stop.abort();
      await fixture.env.close();
      await expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_ABORTED' });
      await expect(bad).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_TRANSPORT_ID' });
    },
  );

  it.each(['its environment', 'its signal', 'a detach of nobody’s asking'])('with %s', async (how) => {
    const stop = new AbortController();
    const [watch, heard] = await watched({ signal: stop.signal });
    await until(heard, '+a');
    const ended = (async () => {
      for await (const _ of watch);
    })();
    const native = fixture.addon.environments[0]?.controllers.at(-1);
    if (how === 'its environment') await fixture.env.close();
    else if (how === 'its signal') stop.abort();
    else native?.wedge();
    await ended;
    await until(heard, 'closed');
    expect(watch.closed).toBe(true);
  });

  it('and emits nothing after that', async () => {
    const [watch, heard] = await watched();
    await until(heard, '+a');
    const native = fixture.addon.environments[0]?.controllers.at(-1);
    const closed = watch.close();
    const failure = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
    const step = { number: 1, attempts: 1, disconnectMs: 0, connectMs: 0, totalMs: 0 };
    native?.request.resetStep({ kind: 'attemptFailed', failure, ...step });
    await closed;
    expect(heard).toEqual(['+a', 'closed']);
  });

  it('while it connects again, and nothing is tried any more', async () => {
    const [watch, heard] = await watched({ reconnectDelayMs: 10 });
    fixture.target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
    fixture.target.dropLinks();
    await until(heard, 'reconnectFailed');
    await watch.close();
    expect(heard.at(-1)).toBe('closed');
  });

  it('while its log is being read, and says nothing after that', async () => {
    const [watch, heard] = await watched();
    await until(heard, '+a');
    // The header comes, the entries do not.
    const original = discovery.admin.bind(discovery);
    const asked = vi.spyOn(discovery, 'admin').mockImplementation((question, from) => {
      fixture.target.latencyMs = 500;
      return original(question, from);
    });
    discovery.entries = [entry('b')];
    await eventually(() => expect(asked).toHaveBeenCalled());
    await Promise.all([watch.close(), watch[Symbol.asyncDispose]()]);
    expect(heard).toEqual(['+a', 'closed']);
  });

  it('for its readers although SPDK does not release the connection', async () => {
    const [watch, heard] = await watched();
    await until(heard, '+a');
    const native = fixture.addon.environments[0]?.controllers.at(-1);
    if (!native) throw new Error('there is no controller');
    native.stuck = true;
    const ended = (async () => {
      for await (const _ of watch);
    })();
    vi.useFakeTimers();
    const closed = watch.close();
    const rejected = expect(closed).rejects.toMatchObject({ code: 'ERR_SPDK_WEDGED' });
    await ended;
    await vi.advanceTimersByTimeAsync(6_000);
    await rejected;
    native.stuck = false;
    await vi.advanceTimersByTimeAsync(1_000);
  });
});

describe('bad input of env.watchDiscovery', () => {
  it.each([
    [{ pollIntervalMs: 99 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ pollIntervalMs: '1' }, 'ERR_SPDK_INVALID_ARG_TYPE'],
    [{ referralDepth: 1 }, 'ERR_SPDK_UNKNOWN_OPTION'],
    [{ keepAliveMs: 999 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
    [{ reconnectDelayMs: 0 }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    [{ sourceAddress: '::1' }, 'ERR_SPDK_CONFLICTING_OPTIONS'],
    [{ signal: {} }, 'ERR_SPDK_INVALID_ARG_TYPE'],
    [[], 'ERR_SPDK_INVALID_ARG_TYPE'],
  ])('%o', async (options, code) => {
    await expect(fixture.env.watchDiscovery(service, options as never)).rejects.toMatchObject({ code });
  });

  it('of places', async () => {
    const rejected = async (id: string, code: string) =>
      expect(fixture.env.watchDiscovery(id)).rejects.toMatchObject({ code });
    await rejected('trtype:PCIe traddr:0000:01:00.0', 'ERR_SPDK_TRANSPORT_UNAVAILABLE');
    await rejected('nonsense', 'ERR_SPDK_INVALID_TRANSPORT_ID');
    fixture.disk('x');
    await rejected(`${service} subnqn:nqn.2026-01.io.spdk:x`, 'ERR_SPDK_NOT_DISCOVERY_CONTROLLER');
  });

  it('is coded when native code throws', async () => {
    const throws = vi.spyOn(MemoryController.prototype, 'watchLog').mockImplementation(() => {
      throw new Error('native code threw');
    });
    await expect(fixture.env.watchDiscovery(service)).rejects.toMatchObject({ code: 'ERR_SPDK_INTERNAL' });
    throws.mockRestore();
  });

  it('after the environment was closed', async () => {
    await fixture.env.close();
    await expect(fixture.env.watchDiscovery(service)).rejects.toMatchObject({ code: 'ERR_SPDK_ENV_CLOSED' });
  });
});

describe('changes of a log', () => {
  const log = (...entries: WrittenEntry[]) => logOf(parseTransportId(service), discoveryLog(1, entries));

  it('are by transport, address, service, NQN and subtype', () => {
    const one = { ...entry('a'), traddr: '192.0.2.1', trsvcid: '4420', subtype: 2, trtype: 3 };
    const others = [{ traddr: '192.0.2.2' }, { trsvcid: '4421' }, { subtype: 3 }, { trtype: 1 }];
    for (const other of others) {
      const change = changeOf(log(one), log({ ...one, ...other }));
      expect(change).toMatchObject({ added: [{}], removed: [{}], changed: [] });
    }
    expect(changeOf(log(one, entry('b')), log(entry('b'), one))).toBeUndefined();
    expect(changeOf(undefined, log())).toMatchObject({ added: [], removed: [] });
  });

  it('are given to each reader that waits, and to several calls of one in turn', async () => {
    const feed = new ChangeFeed();
    const reader = feed.read();
    const calls = [reader.next(), reader.next()];
    const other = feed.read().next();
    feed.update(log(entry('a')));
    expect(inShort((await calls[0])?.value)).toEqual(['+a']);
    expect(inShort((await other).value)).toEqual(['+a']);
    feed.update(log(entry('b')));
    expect(inShort((await calls[1])?.value)).toEqual(['+b', '-a']);
    const waiting = reader.next();
    await reader.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    feed.end(new Error('lost'));
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    const late = feed.read();
    expect((await late.next()).done).toBe(false);
    await expect(late.next()).rejects.toThrow('lost');
    expect((await late.next()).done).toBe(true);
  });

  it('end with the error that is thrown into a generator that passes them on', async () => {
    const feed = new ChangeFeed();
    const reader = feed.read();
    async function* passedOn() {
      yield* reader;
    }
    const passing = passedOn();
    feed.update(log(entry('a')));
    await passing.next();
    const mine = new Error('mine');
    await expect(passing.throw(mine)).rejects.toBe(mine);
    expect((await reader.next()).done).toBe(true);
  });
});
