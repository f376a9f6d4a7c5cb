import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SpdkError } from '../../lib/errors/spdk-error.js';
import { type CallLimits, Outcome, PendingCall, waitFor } from '../../lib/internal/pending-call.js';

const limits: CallLimits = {
  what: 'Doing it',
  timeoutMs: 100,
  timeoutCode: 'ERR_SPDK_TIMEOUT',
  timeoutHint: 'Try later.',
};

/** A limit ends the call a turn of the event loop after its time. A turn of fake timers takes a millisecond. */
const turnMs = 1;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function start(limit: CallLimits, handOver: (call: PendingCall<string>) => void): PendingCall<string> {
  const call = PendingCall.start<string>(limit, handOver);
  call.promise.catch(() => {}); // looked at later
  return call;
}

/** How a promise has settled, or that it has not. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  let ended: unknown = 'pending';
  promise.then(
    (value) => {
      ended = value;
    },
    (error) => {
      ended = error;
    },
  );
  await vi.advanceTimersByTimeAsync(0);
  return ended;
}

describe('a pending call', () => {
  it('that cannot be handed over rejects with a code, and leaves no timer and no listener', async () => {
    const signal = counted();
    const { promise } = start({ ...limits, signal }, () => {
      throw new TypeError('wrong argument');
    });
    expect(vi.getTimerCount()).toBe(0);
    expect(signal.listeners).toBe(0);
    expect(await outcome(promise)).toMatchObject({
      code: 'ERR_SPDK_INTERNAL',
      message: expect.stringMatching(/^Doing it could not begin: wrong argument\. Report/),
      cause: new TypeError('wrong argument'),
    });
  });

  it('that is rejected by an error of this package rejects with that very error', async () => {
    const rejection = new SpdkError('ERR_SPDK_DETACHING', 'no');
    const { promise } = start(limits, () => {
      throw rejection;
    });
    expect(await outcome(promise)).toBe(rejection);
  });

  it('is not handed over when its signal has fired, nor when its time is over', async () => {
    const handOver = vi.fn();
    const aborted = start({ ...limits, signal: AbortSignal.abort('why') }, handOver);
    expect(await outcome(aborted.promise)).toMatchObject({ code: 'ERR_SPDK_ABORTED', cause: 'why' });
    const late = start({ ...limits, since: performance.now() - 100 }, handOver);
    expect(await outcome(late.promise)).toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
    expect(handOver).not.toHaveBeenCalled();
  });

  it('asks for its hint when its time is over, and not before', async () => {
    let begun = false;
    const late = {
      ...limits,
      get timeoutHint() {
        return begun ? 'It has begun.' : 'It has not begun.';
      },
    };
    const call = start(late, () => {
      begun = true;
    });
    await vi.advanceTimersByTimeAsync(limits.timeoutMs + turnMs);
    expect(await outcome(call.promise)).toMatchObject({ message: expect.stringContaining('It has begun.') });
  });

  it('that began earlier has what is left of its time, and names all of it', async () => {
    const { promise } = start({ ...limits, since: performance.now() - 60 }, () => {});
    await vi.advanceTimersByTimeAsync(39);
    expect(await outcome(promise)).toBe('pending');
    await vi.advanceTimersByTimeAsync(1 + turnMs);
    expect(await outcome(promise)).toMatchObject({ message: 'Doing it took more than 100 ms. Try later.' });
  });

  it('that has ended while JavaScript was busy has not timed out', async () => {
    vi.useRealTimers();
    // The event loop comes to timers before it comes to what has arrived, as the result of stat() and what native code reports.
    await new Promise((turn) => setImmediate(turn));
    const { promise } = start({ ...limits, timeoutMs: 5 }, (call) => {
      fs.stat('/', () => call.resolve('done'));
    });
    // Long enough for a thread of libuv's, which may wait for a processor.
    for (const end = performance.now() + 500; performance.now() < end; );
    expect(await promise).toBe('done');
    vi.useFakeTimers();
  });

  it('that ends shortly after the whole process was stopped has not timed out', async () => {
    vi.useRealTimers();
    let resolve = (): void => {};
    const { promise } = start({ ...limits, timeoutMs: 300 }, (call) => {
      resolve = () => call.resolve('done');
    });
    // To the event loop a stopped process is one whose JavaScript was busy.
    for (const end = performance.now() + 1_000; performance.now() < end; );
    setTimeout(resolve, 100);
    expect(await promise).toBe('done');
    vi.useFakeTimers();
  });

  it('that does not end after that times out all the same', async () => {
    vi.useRealTimers();
    const { promise } = start({ ...limits, timeoutMs: 50 }, () => {});
    const begun = performance.now();
    for (const end = begun + 700; performance.now() < end; );
    await expect(promise).rejects.toMatchObject({ code: 'ERR_SPDK_TIMEOUT' });
    expect(performance.now() - begun).toBeLessThan(1_500);
    vi.useFakeTimers();
  });

  it.each(['timeout', 'abort'])('settles at its %s when giving up throws', async (end) => {
    const aborter = new AbortController();
    const cancel = () => {
      throw new Error('cannot');
    };
    const { promise } = start({ ...limits, signal: aborter.signal, cancel }, () => {});
    if (end === 'abort') aborter.abort();
    await vi.advanceTimersByTimeAsync(100 + turnMs);
    const code = end === 'abort' ? 'ERR_SPDK_ABORTED' : 'ERR_SPDK_TIMEOUT';
    expect(await outcome(promise)).toMatchObject({ code });
  });

  it.each<[string, NonNullable<CallLimits['explain']>, object]>([
    ['throws', () => raise(), { cause: new Error('thrown') }],
    ['never responds', () => {}, {}],
    ['responds', (respond) => respond({ nativeStack: 'there' }), { nativeStack: 'there' }],
  ])('settles when its explanation %s', async (_, explain, more) => {
    const { promise } = start({ ...limits, explain }, () => {});
    await vi.advanceTimersByTimeAsync(600 + turnMs);
    expect(await outcome(promise)).toMatchObject({ code: 'ERR_SPDK_TIMEOUT', ...more });
  });

  it('settles with what only looks like a signal, whatever that throws', async () => {
    const aborted = false;
    const deaf = { aborted, addEventListener: raise, removeEventListener: raise };
    const begun = start({ ...limits, signal: deaf as unknown as AbortSignal }, () => {});
    expect(await outcome(begun.promise)).toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_VALUE' });
    const sticky = { aborted, addEventListener: () => {}, removeEventListener: raise };
    const ended = start({ ...limits, signal: sticky as unknown as AbortSignal }, (call) =>
      call.resolve('done'),
    );
    expect(await outcome(ended.promise)).toBe('done');
  });

  it('shares one listener on a signal with all others, and takes it away after the last', async () => {
    const signal = counted();
    const begun = Array.from({ length: 20 }, () => start({ ...limits, signal }, () => {}));
    expect(signal.listeners).toBe(1);
    begun[0]?.resolve('early');
    expect(signal.listeners).toBe(1);
    for (const call of begun) call.resolve('done');
    expect(signal.listeners).toBe(0);
    expect(await Promise.all(begun.map(({ promise }) => promise))).toHaveLength(20);
  });

  it('is aborted along with all others of its signal', async () => {
    const aborter = new AbortController();
    const begun = Array.from({ length: 3 }, () => start({ ...limits, signal: aborter.signal }, () => {}));
    aborter.abort();
    for (const { promise } of begun)
      expect(await outcome(promise)).toMatchObject({ code: 'ERR_SPDK_ABORTED' });
  });
});

describe('work that several wait for', () => {
  it('is waited for by each until a deadline of its own', async () => {
    const shared = new Outcome<string>();
    const short = waitFor(shared.promise, { ...limits, timeoutMs: 10 });
    const long = waitFor(shared.promise, { ...limits, timeoutMs: 50 });
    short.catch(() => {});
    await vi.advanceTimersByTimeAsync(10 + turnMs);
    expect(await outcome(short)).toMatchObject({ message: 'Doing it took more than 10 ms. Try later.' });
    shared.resolve('done');
    expect(await outcome(long)).toBe('done');
  });

  it('may fail when no caller waits any more', async () => {
    const shared = new Outcome<string>();
    shared.reject(new Error('unheard'));
    await vi.advanceTimersByTimeAsync(0);
  });
});

function raise(): never {
  throw new Error('thrown');
}

/** An AbortSignal that counts its listeners. */
function counted(): AbortSignal & { listeners: number } {
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  return Object.assign(signal, {
    listeners: 0,
    addEventListener(...given: Parameters<typeof addEventListener>) {
      (this as { listeners: number }).listeners++;
      addEventListener.apply(signal, given);
    },
    removeEventListener(...given: Parameters<typeof removeEventListener>) {
      (this as { listeners: number }).listeners--;
      removeEventListener.apply(signal, given);
    },
  });
}
