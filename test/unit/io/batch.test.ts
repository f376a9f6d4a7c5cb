import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type Namespace, statusError } from '../../../lib/index.js';
import { FakeController } from './fake.js';
import { openBatch, thrown } from './open-batch.js';
import { codeOf, turn } from './set-up.js';

describe('a batch', () => {
  it('rejects what is not right, and describes nothing for it', () => {
    const { memory, ns, batch, buffer, queuePair } = openBatch();
    const other = new FakeController(memory).ns;
    const read = (ns: Namespace, offset: unknown, length: unknown, tag: unknown, at: unknown = 0) =>
      thrown(() => batch.read(ns, buffer, at as number, offset as number, length as number, tag as number));
    expect(read(other, 0, 512, 1)).toBe('ERR_SPDK_FOREIGN_NAMESPACE');
    expect(thrown(() => batch.flush(other, 1))).toBe('ERR_SPDK_FOREIGN_NAMESPACE');
    expect(read(undefined as never, 0, 512, 1)).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    expect(read(ns, 0, 0, 1)).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(read(ns, '0', 512, 1)).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    for (const tag of [-1, 1.5, 2 ** 32]) {
      expect(read(ns, 0, 512, tag)).toBe('ERR_SPDK_INVALID_ARG_VALUE');
      expect(thrown(() => batch.flush(ns, tag))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    }
    expect(read(ns, 0, 512, '1')).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    expect(read(ns, 0, 512, 1, 0.5)).toBe('ERR_SPDK_INVALID_BUFFER');
    expect(read(ns, 0, 512, 2 ** 32 - 1)).toBe('none');
    expect([batch.outstanding, queuePair?.pending]).toEqual([1, 0]);
    batch.close();
    expect(memory.pinned).toBe(0);
  });

  it('does nothing once it is closed', async () => {
    const { ns, batch, buffer } = openBatch();
    batch.close();
    const calls = [
      () => batch.read(ns, buffer, 0, 0, 512, 1),
      () => batch.flush(ns, 1),
      () => batch.submit(),
      () => batch.reap(),
    ];
    for (const call of calls) expect(thrown(call)).toBe('ERR_SPDK_QUEUE_IN_USE');
    expect(await codeOf(batch.wait())).toBe('ERR_SPDK_QUEUE_IN_USE');
    batch.close();
  });

  it('serves several waits at once, each with completions of its own, in order', async () => {
    const { pair, batch, reads } = openBatch();
    reads(1, 2, 3);
    const got: string[] = [];
    const wait = (name: string) =>
      batch.wait().then((count) => got.push(`${name}:${[...batch.tags.subarray(0, count)]}`));
    const waits = [wait('a'), wait('b'), wait('c')];
    pair.complete(2);
    await turn();
    expect(got).toEqual(['a:1,2']);
    pair.complete(1);
    await Promise.all(waits);
    expect(got).toEqual(['a:1,2', 'b:3', 'c:']);
    expect(batch.outstanding).toBe(0);
    // A later wait() gets no completion before the first one has resolved.
    reads(4, 5);
    const first = wait('d');
    pair.completeUnheard(1);
    const second = wait('e');
    pair.complete(0);
    await turn();
    pair.complete();
    await Promise.all([first, second]);
    expect(got.slice(3)).toEqual(['d:4', 'e:5']);
    batch.close();
  });

  it('sends what is described before it waits, and waits no longer than its limit', async () => {
    const { ns, pair, batch, buffer, queuePair } = openBatch();
    batch.read(ns, buffer, 0, 0, 512, 7);
    const { signal } = new AbortController();
    expect(await codeOf(batch.wait({ timeoutMs: 20, signal }))).toBe('ERR_SPDK_TIMEOUT');
    expect(getEventListeners(signal, 'abort').length).toBe(0);
    const abort = new AbortController();
    const waiting = codeOf(batch.wait({ signal: abort.signal }));
    abort.abort();
    expect(await waiting).toBe('ERR_SPDK_ABORTED');
    expect(await codeOf(batch.wait({ signal: abort.signal }))).toBe('ERR_SPDK_ABORTED');
    expect(await codeOf(batch.wait({ timeoutMs: 0 }))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect([batch.outstanding, queuePair?.pending]).toEqual([1, 1]);
    const last = batch.wait();
    pair.complete();
    expect([await last, batch.tags[0], batch.error(0)]).toEqual([1, 7, undefined]);
    batch.close();
  });

  it('has the time limit of the attach for each command', async () => {
    const { pair, batch, reads } = openBatch({ ioTimeoutMs: 600 });
    reads(1);
    expect(await codeOf(batch.wait())).toBe('ERR_SPDK_TIMEOUT');
    pair.complete();
    expect(await batch.wait()).toBe(1);
    // The limit applies to the oldest outstanding command.
    reads(2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const begun = performance.now();
    reads(3);
    const waiting = batch.wait();
    pair.complete(1);
    expect(await waiting).toBe(1);
    expect(await codeOf(batch.wait())).toBe('ERR_SPDK_TIMEOUT');
    expect(performance.now() - begun).toBeGreaterThan(550);
    batch.close({ discard: true });
  });

  it('explains a status', async () => {
    const { pair, batch, reads } = openBatch();
    reads(1, 2);
    pair.complete(1, 0x281);
    expect(batch.reap()).toBe(1);
    expect(batch.error(0)).toMatchObject({ code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sct: 2, sc: 0x81 } });
    expect(statusError(0)).toBe(undefined);
    for (const status of [null, '0', {}])
      expect(() => statusError(status as never)).toThrow(
        expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_TYPE' }),
      );
    expect(() => statusError(Number.NaN)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_VALUE' }),
    );
    const message = 'The command did not complete: there was no memory to send it';
    expect(statusError(2 ** 31 + 12)).toMatchObject({ code: 'ERR_SPDK_NO_MEMORY', errno: -12, message });
    expect(statusError(2 ** 31 + 5)).toMatchObject({ code: 'ERR_SPDK_IO_FAILED', errno: -5 });
    expect(thrown(() => batch.error(-1))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    batch.close({ discard: true });
  });
});

describe('closing a batch with commands in it', () => {
  it('is rejected, unless they are discarded: their places and memory are free when they have ended', async () => {
    const { memory, ns, pair, batch, buffer, queuePair, reads } = openBatch({ depth: 4 });
    reads(1, 2, 3);
    batch.read(ns, buffer, 0, 0, 512, 4);
    expect(thrown(() => batch.close())).toBe('ERR_SPDK_QUEUE_IN_USE');
    for (const discard of [1, null])
      expect(thrown(() => batch.close({ discard: discard as never }))).toBe('ERR_SPDK_INVALID_ARG_TYPE');
    const waiting = codeOf(batch.wait());
    // The fourth command is only described, and not sent.
    batch.read(ns, buffer, 0, 0, 512, 4);
    batch.close({ discard: true });
    expect(await waiting).toBe('ERR_SPDK_QUEUE_IN_USE');
    buffer.release();
    const others = [0, 1].map(() => ns.read(Buffer.alloc(512), { offset: 0, queuePair }));
    await turn();
    expect(memory.pinned).toBeGreaterThan(3);
    await pair.completeAll();
    await Promise.all(others);
    expect([memory.pinned, queuePair?.pending, buffer.length]).toEqual([0, 0, 0]);
    queuePair?.openBatch().close();
  });

  it('that have completed frees their places and memory at once', () => {
    const { memory, pair, batch, buffer, queuePair, reads } = openBatch();
    reads(1, 2, 3);
    pair.complete(2);
    pair.completeUnheard(1);
    expect(batch.outstanding).toBe(3);
    batch.close({ discard: true });
    buffer.release();
    expect([memory.pinned, queuePair?.pending, buffer.length]).toEqual([0, 0, 0]);
    queuePair?.openBatch().close();
  });

  it('by an exception leaves the queue pair usable, and the exception as it is', async () => {
    const { ns, pair, batch, queuePair, reads } = openBatch();
    const wrong = new Error('of the program');
    const run = () => {
      using mine = batch;
      reads(1, 2);
      expect(mine.outstanding).toBe(2);
      throw wrong;
    };
    expect(run).toThrow(wrong);
    const reading = ns.read(Buffer.alloc(512), { offset: 0, queuePair });
    await pair.completeAll();
    await reading;
    expect(queuePair?.pending).toBe(0);
  });
});

describe('a batch whose controller', () => {
  it('is detached has all that completed first, then the error; the report counts it', async () => {
    const { fake, memory, ns, pair, batch, buffer, queuePair, reads } = openBatch();
    reads(1, 2, 3);
    const detached = fake.controller.detach({ drainMs: 0 });
    expect(thrown(() => batch.read(ns, buffer, 0, 0, 512, 9))).toBe('ERR_SPDK_DETACHING');
    pair.complete(1);
    // Native code waits only for the other two commands.
    expect([pair.pendingWord, memory.pinned]).toEqual([2, 2]);
    fake.finishDetach();
    expect(await detached).toMatchObject({ completed: 1, aborted: 2 });
    expect([memory.pinned, queuePair?.pending, batch.outstanding]).toEqual([0, 0, 3]);
    expect(await batch.wait()).toBe(3);
    expect([...batch.tags.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect([batch.error(0)?.code, batch.error(1)?.code]).toEqual([undefined, 'ERR_SPDK_IO_FAILED']);
    expect(await codeOf(batch.wait())).toBe('ERR_SPDK_CONTROLLER_DETACHED');
    expect(thrown(() => batch.submit())).toBe('ERR_SPDK_CONTROLLER_DETACHED');
    batch.close();
  });

  it('is detached ends the waits', async () => {
    const { fake, batch, reads } = openBatch();
    reads(1);
    const waits = [batch.wait(), codeOf(batch.wait())];
    const detached = fake.controller.detach({ drainMs: 0 });
    fake.finishDetach();
    await detached;
    expect(await Promise.all(waits)).toEqual([1, 'ERR_SPDK_CONTROLLER_DETACHED']);
  });

  it('is wedged keeps the memory, and says so', async () => {
    const { fake, memory, pair, batch, queuePair, reads } = openBatch();
    reads(1, 2);
    const waiting = codeOf(batch.wait());
    expect(await codeOf(fake.controller.detach({ drainMs: 0, timeoutMs: 20 }))).toBe('ERR_SPDK_WEDGED');
    expect(await waiting).toBe('ERR_SPDK_WEDGED');
    expect([memory.pinned, queuePair?.pending]).toEqual([2, 0]);
    expect(thrown(() => batch.reap())).toBe('ERR_SPDK_WEDGED');
    batch.close();
    pair.complete();
    expect([memory.pinned, queuePair?.pending]).toEqual([0, 0]);
  });

  it('fails takes no commands until it is reset; what was sent is heard of', async () => {
    const { fake, ns, batch, buffer, pair, reads } = openBatch();
    reads(1);
    fake.state = 'failed';
    fake.controller.onFailed(new Error('lost') as never);
    expect(thrown(() => batch.read(ns, buffer, 0, 0, 512, 2))).toBe('ERR_SPDK_CONTROLLER_FAILED');
    pair.complete(1, 0x08);
    expect([await batch.wait(), batch.tags[0], batch.error(0)?.nvmeStatus?.sc]).toEqual([1, 1, 8]);
    fake.state = 'attached';
    const step = { number: 1, failure: null, attempts: 1, disconnectMs: 0, connectMs: 0, totalMs: 0 };
    fake.controller.onResetStep({ kind: 'begun', ...step });
    fake.controller.onResetStep({ kind: 'done', ...step });
    reads(2);
    pair.complete();
    expect(await batch.wait()).toBe(1);
    batch.close();
  });
});
