// How often, and how long, the JavaScript thread polls queue pairs.

import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventLoop } from '../../../lib/internal/event-loop.js';
import { CompletionLoop, type Reaped } from '../../../lib/io/completion-loop.js';

afterEach(() => {
  vi.useRealTimers();
});

it.each([
  ['inline', 10],
  ['adaptive', 0],
  ['threads', 0],
] as const)('idle with %s, at most %i times a second', (mode, most) => {
  vi.useFakeTimers();
  let polls = 0;
  const queuePair: Reaped = {
    index: 0,
    poller: -1,
    poll: () => {
      polls++;
    },
    reap: () => false,
    requestWake: () => {},
    withdrawWake: () => {},
  };
  const loop = new CompletionLoop(mode);
  loop.start([queuePair]);
  vi.advanceTimersByTime(1_000);
  loop.stop();
  expect(polls).toBe(most);
});

it('a look that is asked for while polling comes to rest is made', async () => {
  let polls = 0;
  let wakes = 0;
  const loop = new CompletionLoop('adaptive');
  onTestFinished(() => loop.stop());
  const queuePair: Reaped = {
    index: 0,
    poller: 0,
    poll: () => void polls++,
    reap: () => false,
    requestWake: () => {
      wakes++;
      loop.resumePolling();
    },
    withdrawWake: () => {},
  };
  loop.start([queuePair]);
  loop.setBusy(queuePair, true);
  await vi.waitUntil(() => wakes > 0);
  const before = polls;
  await vi.waitUntil(() => polls > before + 1);
});

it('while polling rests a wake-up is requested for each queue pair, and withdrawn by the next look', async () => {
  const loop = new CompletionLoop('adaptive');
  onTestFinished(() => loop.stop());
  const requested = new Set<number>();
  const polledWithRequest: boolean[] = [];
  const queuePairs = [0, 1].map(
    (index): Reaped => ({
      index,
      poller: 0,
      poll: () => void polledWithRequest.push(requested.size > 0),
      reap: () => false,
      requestWake: () => void requested.add(index),
      withdrawWake: () => void requested.delete(index),
    }),
  );
  loop.start(queuePairs);
  for (const queuePair of queuePairs) loop.setBusy(queuePair, true);
  for (let times = 1; times <= 2; times++) {
    await vi.waitUntil(() => requested.size === 2);
    // Only the last poll, after the request, finds a completion.
    expect(polledWithRequest.filter(Boolean)).toHaveLength(times);
    loop.resumePolling();
    expect(requested.size).toBe(0);
  }
});

it('a wake-up is withdrawn when the look after its request finds something', async () => {
  const loop = new CompletionLoop('adaptive');
  onTestFinished(() => loop.stop());
  let requested = false;
  let withdrawn = 0;
  const queuePair: Reaped = {
    index: 0,
    poller: 0,
    poll: () => {},
    reap: () => requested,
    requestWake: () => {
      requested = true;
    },
    withdrawWake: () => {
      requested = false;
      withdrawn++;
    },
  };
  loop.start([queuePair]);
  loop.setBusy(queuePair, true);
  await vi.waitUntil(() => withdrawn >= 2);
});

describe('a turn that finds completions', () => {
  /** A queue pair that has a completion at each poll, which takes an eighth of a millisecond; and what happens. */
  const prepare = () => {
    const seen: string[] = [];
    let clock = 0;
    const now = vi.spyOn(eventLoop, 'now').mockImplementation(() => clock);
    onTestFinished(() => now.mockRestore());
    const loop = new CompletionLoop('inline');
    onTestFinished(() => loop.stop());
    const queuePair: Reaped = {
      index: 0,
      poller: -1,
      poll: () => {},
      reap: () => {
        clock += 0.125;
        seen.push('completion');
        // As a caller does that awaits an operation in a function of its own.
        void Promise.resolve()
          .then(() => {})
          .then(() => seen.push('reply'));
        return true;
      },
      requestWake: () => {},
      withdrawWake: () => {},
    };
    loop.start([queuePair]);
    loop.setBusy(queuePair, true);
    return { loop, queuePair, seen };
  };

  it('polls again once their callers have replied, and gives way to the event loop after half a millisecond', async () => {
    const { seen } = prepare();
    await setImmediate();
    expect(seen).toEqual(Array.from({ length: 4 }, () => ['completion', 'reply']).flat());
  });

  it('polls once more when nothing is busy: their callers may start others', async () => {
    const { loop, queuePair, seen } = prepare();
    const { reap } = queuePair;
    let left = 3;
    queuePair.reap = () => {
      loop.setBusy(queuePair, false);
      if (--left > 0) queueMicrotask(() => loop.setBusy(queuePair, true));
      return reap.call(queuePair);
    };
    await setImmediate();
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['completion', 'reply']).flat());
  });

  it('does not poll again when it is stopped', async () => {
    const { loop, queuePair, seen } = prepare();
    const { reap } = queuePair;
    queuePair.reap = () => {
      queueMicrotask(() => loop.stop());
      return reap.call(queuePair);
    };
    await setImmediate();
    expect(seen).toEqual(['completion', 'reply']);
  });
});

describe('how long a turn waits for a completion', () => {
  /** A queue pair that is always busy, and the times for which it was polled. */
  const busy = (poller: number, index = 0) => {
    const times: number[] = [];
    const queuePair: Reaped = {
      index,
      poller,
      poll: (spinUs) => void times.push(spinUs),
      reap: () => false,
      requestWake: () => {},
      withdrawWake: () => {},
    };
    return { queuePair, times };
  };
  const loopOf = (...queuePairs: readonly Reaped[]) => {
    const loop = new CompletionLoop('inline');
    onTestFinished(() => loop.stop());
    loop.start(queuePairs);
    for (const queuePair of queuePairs) loop.setBusy(queuePair, true);
    return loop;
  };
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await setImmediate();
  };

  it('is some microseconds for the only set of the only controller', async () => {
    const [one, other] = [busy(0), busy(0, 1)];
    loopOf(one.queuePair, other.queuePair);
    await turns(3);
    expect(new Set(one.times)).toEqual(new Set([10]));
    expect(other.times).toEqual([]);
  });

  it('is shared with another controller of this thread, and as before afterwards', async () => {
    const [one, other] = [busy(0), busy(0)];
    loopOf(one.queuePair);
    const second = loopOf(other.queuePair);
    await turns(3);
    expect(one.times.slice(1)).toEqual(one.times.slice(1).map(() => 5));
    expect(other.times.at(-1)).toBe(5);
    second.setBusy(other.queuePair, false);
    await turns(3);
    expect(one.times.at(-1)).toBe(10);
  });

  it('is shared by several sets of one controller', async () => {
    const [one, other] = [busy(0), busy(1, 1)];
    loopOf(one.queuePair, other.queuePair);
    await turns(3);
    expect(one.times.slice(1)).toEqual(one.times.slice(1).map(() => 5));
    expect(other.times.at(-1)).toBe(5);
  });

  it('is nothing for each of many', async () => {
    const all = Array.from({ length: 16 }, () => busy(0));
    for (const { queuePair } of all) loopOf(queuePair);
    await turns(3);
    expect(all.map(({ times }) => times.at(-1))).toEqual(all.map(() => 0));
  });
});
