// Each call settles by its own deadline, also where several wait for the same work, and whatever has to be ended afterwards. Longer than
// other files: all of it uses one stuck target and one clock.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AttachOptions,
  type Controller,
  Environment,
  type SpdkError,
  type SubsystemOptions,
} from '../../lib/index.js';
import { useAddon } from '../../lib/native/addon.js';
import { keyText } from '../support/keys.js';
import { type Fixture, makeFixture, memoryId } from './memory/fixture.js';

const timers = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] as const;

let fixture: Fixture;
let controller: Controller;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: [...timers] });
  const making = makeFixture();
  await vi.advanceTimersByTimeAsync(10);
  fixture = await making;
  fixture.disk('a');
  const attaching = fixture.attach('a', { ctrlrLossTimeoutMs: 60_000 });
  await vi.advanceTimersByTimeAsync(10);
  controller = await attaching;
});
afterEach(async () => {
  fixture.target.silent = false;
  stick(false);
  await vi.advanceTimersByTimeAsync(60_000);
  const closing = ended(fixture.env.close());
  await vi.advanceTimersByTimeAsync(20_000);
  await closing;
  expect(fixture.addon.scheduler.pending).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  useAddon(undefined);
});

/** Calls into SPDK for the controllers do not return, or do so again. */
function stick(stuck: boolean): void {
  for (const { controllers } of fixture.addon.environments) for (const one of controllers) one.stuck = stuck;
}

/** How a call ended, and after how long. */
async function ended(call: Promise<unknown>): Promise<{ code: string; ms: number }> {
  const begun = performance.now();
  const code = await call.then(
    () => 'done',
    (error: SpdkError) => error.code,
  );
  return { code, ms: Math.round(performance.now() - begun) };
}

async function all(calls: Promise<unknown>[]) {
  const outcomes = Promise.all(calls.map(ended));
  await vi.advanceTimersByTimeAsync(20_000);
  return outcomes;
}

/** A wedged detach may last half a second longer, while it collects the stacks of the threads. */
const atMost = (ms: number) => ({
  asymmetricMatch: (other: number) => other <= ms,
  toString: () => `<= ${ms}`,
});

describe('detach()', () => {
  it('settles by the deadline of each call; the first decides when it is wedged', async () => {
    stick(true);
    const outcomes = await all([
      controller.detach({ timeoutMs: 2_000 }),
      controller.detach({ timeoutMs: 100, drainMs: 0 }),
      controller.detach({ timeoutMs: 10_000 }),
    ]);
    expect(outcomes).toEqual([
      { code: 'ERR_SPDK_WEDGED', ms: atMost(2_500) },
      { code: 'ERR_SPDK_TIMEOUT', ms: 100 },
      { code: 'ERR_SPDK_WEDGED', ms: atMost(2_500) },
    ]);
    expect(controller.state).toBe('wedged');
  });

  it.each([
    ['detach()', (timeoutMs: number) => controller.detach({ timeoutMs }), 300, 150],
    ['env.close()', (timeoutMs: number) => fixture.env.close({ timeoutMs }), 2_000, 500],
  ] as const)(
    '%s leaves time to disconnect when the I/O does not end',
    async (_, end, timeoutMs, drainMs) => {
      const reading = controller.namespaces[0]?.read(Buffer.alloc(512), { offset: 0 });
      const read = expect(reading).rejects.toMatchObject({ code: 'ERR_SPDK_IO_FAILED' });
      fixture.target.silent = true;
      const [outcome] = await all([end(timeoutMs)]);
      expect(outcome).toEqual({ code: 'done', ms: atMost(drainMs + 10) });
      expect(controller.state).toBe('detached');
      await read;
    },
  );

  it('goes on when a later caller has stopped waiting', async () => {
    stick(true);
    const first = ended(controller.detach({ timeoutMs: 2_000 }));
    expect(await all([controller.detach({ timeoutMs: 10, drainMs: 0 }), unstickLater(500)])).toMatchObject([
      { code: 'ERR_SPDK_TIMEOUT', ms: 10 },
      {},
    ]);
    expect((await first).code).toBe('done');
    expect(controller.state).toBe('detached');
  });

  it('gives every caller the same report', async () => {
    const detaches = [controller.detach(), controller.detach({ timeoutMs: 50 })];
    await vi.advanceTimersByTimeAsync(50);
    const [first, second] = await Promise.all(detaches);
    expect(second).toBe(first);
    expect(await controller.detach()).toBe(first);
  });
});

describe('reset()', () => {
  it('settles by the deadline of each call', async () => {
    fixture.target.connectMs = 1_500;
    const outcomes = await all([
      controller.reset({ timeoutMs: 5_000 }),
      controller.reset({ timeoutMs: 100 }),
      controller.reset({ timeoutMs: 1_000 }),
    ]);
    expect(outcomes).toEqual([
      { code: 'done', ms: atMost(1_600) },
      { code: 'ERR_SPDK_TIMEOUT', ms: 100 },
      { code: 'ERR_SPDK_TIMEOUT', ms: 1_000 },
    ]);
  });

  it('that no call waits for any more is shared by the next call', async () => {
    fixture.target.connectMs = 1_500;
    const states: string[] = [];
    controller.on('resetting', () => states.push('resetting'));
    const first = ended(controller.reset({ timeoutMs: 100 }));
    await vi.advanceTimersByTimeAsync(200);
    expect((await first).code).toBe('ERR_SPDK_TIMEOUT');
    expect(await all([controller.reset({ timeoutMs: 5_000 })])).toMatchObject([{ code: 'done' }]);
    expect(states).toEqual(['resetting']);
  });

  it('joins the reset that follows a loss', async () => {
    fixture.target.connectMs = 500;
    fixture.target.dropLinks();
    await vi.advanceTimersByTimeAsync(1);
    expect(controller.state).toBe('resetting');
    expect(await all([controller.reset({ timeoutMs: 100 }), controller.reset()])).toEqual([
      { code: 'ERR_SPDK_TIMEOUT', ms: 100 },
      { code: 'done', ms: atMost(600) },
    ]);
  });
});

describe('reset() of a controller that has just failed', () => {
  it('is not ended by the message of that failure, which comes later', async () => {
    fixture.disk('b');
    const attaching = fixture.attach('b');
    await vi.advanceTimersByTimeAsync(10);
    const fragile = await attaching;
    const events: string[] = [];
    for (const name of ['failed', 'reset'] as const) fragile.on(name, () => events.push(name));
    fixture.target.dropLinks();
    expect(fragile.state).toBe('failed');
    expect(await all([fragile.reset()])).toMatchObject([{ code: 'done' }]);
    expect(events).toEqual(['failed', 'reset']);
  });

  it('ends with the failure of its own', async () => {
    fixture.disk('b');
    const attaching = fixture.attach('b');
    await vi.advanceTimersByTimeAsync(10);
    const fragile = await attaching;
    fixture.target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'nothing responds' };
    fixture.target.dropLinks();
    expect(await all([fragile.reset()])).toMatchObject([{ code: 'ERR_SPDK_UNREACHABLE' }]);
    fixture.target.rejection = undefined;
  });
});

describe('changeKeys()', () => {
  it('settles by the deadline of each call, though they run one after the other', async () => {
    const change = (timeoutMs: number) =>
      controller.changeKeys({ dhchap: { key: Buffer.from(keyText('dhchap', '01', 32)) }, timeoutMs });
    fixture.target.silent = true;
    const outcomes = await all([change(5_000), change(100), change(2_000)]);
    expect(outcomes).toEqual([
      { code: 'ERR_SPDK_TIMEOUT', ms: 5_000 },
      { code: 'ERR_SPDK_TIMEOUT', ms: 100 },
      { code: 'ERR_SPDK_TIMEOUT', ms: 2_000 },
    ]);
    fixture.target.silent = false;
  });
});

describe('close()', () => {
  it('has ended all by its deadline: another environment can be opened', async () => {
    stick(true);
    const closing = ended(fixture.env.close({ timeoutMs: 2_000 }));
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await closing).code).toBe('ERR_SPDK_WEDGED');
    const opening = Environment.init();
    await vi.advanceTimersByTimeAsync(10);
    await Promise.all([(await opening).close(), vi.advanceTimersByTimeAsync(10)]);
  });

  it('settles by its own deadline behind a longer detach', async () => {
    stick(true);
    const outcomes = await all([
      controller.detach({ timeoutMs: 5_000 }),
      fixture.env.close({ timeoutMs: 100 }),
      fixture.env.close({ timeoutMs: 20 }),
    ]);
    expect(outcomes).toEqual([
      { code: 'ERR_SPDK_WEDGED', ms: atMost(5_500) },
      { code: 'ERR_SPDK_WEDGED', ms: atMost(100) },
      { code: 'ERR_SPDK_TIMEOUT', ms: 20 },
    ]);
  });

  it.each([1, 50, 1_000, 5_000])('takes %d ms at most, all included', async (timeoutMs) => {
    stick(true);
    const [outcome] = await all([fixture.env.close({ timeoutMs })]);
    expect(outcome).toEqual({ code: 'ERR_SPDK_WEDGED', ms: atMost(timeoutMs) });
  });

  it('waits as long as the first call allows, and later calls as long as they allow', async () => {
    stick(true);
    const outcomes = await all([
      fixture.env.close({ timeoutMs: 3_000 }),
      fixture.env.close({ timeoutMs: 100 }),
      unstickLater(1_000),
    ]);
    expect(outcomes).toMatchObject([
      { code: 'done', ms: atMost(1_100) },
      { code: 'ERR_SPDK_TIMEOUT', ms: 100 },
      {},
    ]);
    expect(await all([fixture.env.close()])).toEqual([{ code: 'done', ms: 0 }]);
  });

  it('ends a reset and an attach that are under way', async () => {
    fixture.disk('b');
    fixture.target.connectMs = 3_000;
    const outcomes = await all([
      controller.reset(),
      fixture.attach('b'),
      fixture.env.close({ timeoutMs: 2_000 }),
      fixture.attach('b'),
    ]);
    expect(outcomes).toMatchObject([
      { code: 'ERR_SPDK_DETACHING', ms: 0 },
      { code: 'ERR_SPDK_ENV_CLOSED', ms: 0 },
      { ms: atMost(2_000) },
      { code: 'ERR_SPDK_ENV_CLOSED', ms: 0 },
    ]);
  });
});

describe('close() of a share', () => {
  it('settles by the deadline of each call', async () => {
    const closing = fixture.env.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await closing;
    const sharing = Environment.shared();
    await vi.advanceTimersByTimeAsync(10);
    const share = await sharing;
    const attaching = share.environment.attach(memoryId('a'));
    await vi.advanceTimersByTimeAsync(10);
    await attaching;
    stick(true);
    const outcomes = await all([
      share.close({ timeoutMs: 2_000 }),
      share.close({ timeoutMs: 100 }),
      share.close({ timeoutMs: 5_000 }),
    ]);
    expect(outcomes).toEqual([
      { code: 'ERR_SPDK_WEDGED', ms: atMost(2_000) },
      { code: 'ERR_SPDK_TIMEOUT', ms: 100 },
      { code: 'ERR_SPDK_WEDGED', ms: atMost(2_000) },
    ]);
  });
});

describe('discover()', () => {
  const service = 'trtype:TCP traddr:127.0.0.1 trsvcid:4420';
  beforeEach(() => {
    fixture.target.addDiscovery();
    fixture.target.latencyMs = 50;
  });
  afterEach(() => {
    Object.assign(fixture.target, { silent: false, wedged: false, latencyMs: 0 });
  });
  const later = (ms: number, what: () => void) => void setTimeout(what, ms);

  it.each(['silent', 'wedged'] as const)('settles by its deadline when its service is %s', async (fault) => {
    later(25, () => Object.assign(fixture.target, { silent: true, [fault]: true }));
    const outcomes = await all([fixture.env.discover(service, { timeoutMs: 100 })]);
    expect(outcomes).toEqual([{ code: 'ERR_SPDK_TIMEOUT', ms: atMost(101) }]);
  });

  it('settles when its signal fires', async () => {
    const abort = new AbortController();
    later(25, () => Object.assign(fixture.target, { silent: true, wedged: true }));
    later(70, () => abort.abort());
    expect(await all([fixture.env.discover(service, { signal: abort.signal })])).toEqual([
      { code: 'ERR_SPDK_ABORTED', ms: 70 },
    ]);
  });

  it.each([300, 5_000])(
    'has what it read in %i ms, though its connection does not end',
    async (timeoutMs) => {
      later(25, () => Object.assign(fixture.target, { wedged: true }));
      expect(await all([fixture.env.discover(service, { timeoutMs })])).toEqual([
        { code: 'done', ms: atMost(Math.min(timeoutMs, 2_000)) },
      ]);
    },
  );

  it('has no connection left otherwise, and close() ends one that is', async () => {
    const reading = fixture.env.discover(service);
    await vi.advanceTimersByTimeAsync(1_000);
    await reading;
    expect(fixture.env.stats().discoveryConnections).toBe(0);
    later(25, () => Object.assign(fixture.target, { silent: true }));
    const late = ended(fixture.env.discover(service, { timeoutMs: 100 }));
    await vi.advanceTimersByTimeAsync(110);
    expect((await late).code).toBe('ERR_SPDK_TIMEOUT');
    expect(fixture.env.stats().discoveryConnections).toBe(1);
    expect(await all([fixture.env.close()])).toMatchObject([{ code: 'done' }]);
    expect(fixture.target.connections.size).toBe(0);
  });
});

describe('attachAll()', () => {
  it('settles when its signal fires, though what it has attached does not end', async () => {
    for (const name of ['b', 'c']) fixture.disk(name);
    const entry = (name: string) => ({ traddr: '127.0.0.1', subnqn: `nqn.2026-01.io.spdk:${name}` });
    fixture.target.addDiscovery().entries = [entry('b'), entry('c')];
    fixture.target.connectMs = 20;
    const abort = new AbortController();
    fixture.env.once('attached', () => {
      stick(true);
      setTimeout(() => abort.abort(), 5);
    });
    const attaching = fixture.env.attachAll('trtype:TCP traddr:127.0.0.1 trsvcid:4420', {
      signal: abort.signal,
      concurrency: 1,
    });
    expect(await all([attaching])).toEqual([{ code: 'ERR_SPDK_ABORTED', ms: atMost(100) }]);
    fixture.target.connectMs = 0;
  });
});

describe('attachSubsystem()', () => {
  const subsystem = (options: SubsystemOptions) =>
    fixture.env.attachSubsystem([memoryId('b')], { ctrlrLossTimeoutMs: 1_000, ...options });
  beforeEach(() => {
    fixture.disk('b');
    fixture.target.latencyMs = 50;
  });
  afterEach(() => {
    Object.assign(fixture.target, { silent: false, wedged: false, latencyMs: 0 });
  });

  it.each(['timeout', 'signal'])('settles by its %s while a path is being prepared', async (limit) => {
    const abort = new AbortController();
    setTimeout(() => Object.assign(fixture.target, { silent: true, wedged: true }), 25);
    setTimeout(() => abort.abort(), 100);
    const options = limit === 'timeout' ? { timeoutMs: 100 } : { signal: abort.signal };
    expect(await all([subsystem(options)])).toEqual([
      { code: limit === 'timeout' ? 'ERR_SPDK_TIMEOUT' : 'ERR_SPDK_ABORTED', ms: 100 },
    ]);
  });

  it('that follows waits for the end of what is detached in the background', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 25);
    const first = subsystem({ signal: abort.signal });
    const again = first.catch(() => subsystem({})).then((attached) => attached.detach());
    expect(await all([first, again])).toMatchObject([{ code: 'ERR_SPDK_ABORTED', ms: 25 }, { code: 'done' }]);
  });
});

describe('attach() after a cancelled one of the same controller', () => {
  it('waits in line for its end, within its own deadline', async () => {
    fixture.disk('b');
    // The connection of the cancelled attach is cut after a second; until then the target is silent.
    fixture.target.connectMs = 3_000;
    const abort = new AbortController();
    const later = (ms: number, options: AttachOptions) =>
      new Promise((resolve) => setTimeout(resolve, ms)).then(() => fixture.attach('b', options));
    setTimeout(() => {
      abort.abort();
      fixture.target.connectMs = 5;
    }, 50);
    const outcomes = await all([
      fixture.attach('b', { signal: abort.signal }),
      later(60, { timeoutMs: 200 }),
      later(70, { timeoutMs: 5_000 }),
    ]);
    expect(outcomes).toEqual([
      { code: 'ERR_SPDK_ABORTED', ms: 50 },
      { code: 'ERR_SPDK_TIMEOUT', ms: 260 },
      { code: 'done', ms: atMost(1_200) },
    ]);
  });

  it('waits, too, when that had succeeded and is being detached', async () => {
    fixture.disk('b');
    fixture.target.connectMs = 5;
    for (const ms of [4, 5, 6, 7]) {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), ms);
      const first = fixture.attach('b', { signal: abort.signal });
      const again = first.catch(() => fixture.attach('b')).then((attached) => attached.detach());
      expect(await all([again])).toMatchObject([{ code: 'done' }]);
    }
  });
});

describe('bad options', () => {
  it.each<[string, (options: object) => Promise<unknown>]>([
    ['attach', (options) => fixture.attach('a', options)],
    ['detach', (options) => controller.detach(options)],
    ['reset', (options) => controller.reset(options)],
    ['close', (options) => fixture.env.close(options)],
  ])('of %s() reject, and nothing happens', async (_, call) => {
    for (const [options, code] of [
      [{ timeoutMs: 0 }, 'ERR_SPDK_INVALID_ARG_VALUE'],
      [{ timeoutMs: '1' }, 'ERR_SPDK_INVALID_ARG_TYPE'],
      [{ timeout: 1 }, 'ERR_SPDK_UNKNOWN_OPTION'],
      [null, 'ERR_SPDK_INVALID_ARG_TYPE'],
    ] as const) {
      expect((await ended(call(options as object))).code).toBe(code);
    }
    expect(controller.state).toBe('attached');
    expect(fixture.env.closed).toBe(false);
  });
});

async function unstickLater(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  stick(false);
}
