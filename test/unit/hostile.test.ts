import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LogRelay } from '../../lib/diagnostics/log.js';
import { open } from '../../lib/file/index.js';
import { Environment, type Namespace } from '../../lib/index.js';
import { eventLoop } from '../../lib/internal/event-loop.js';
import { Ring } from '../../lib/io/ring.js';
import { useAddon } from '../../lib/native/addon.js';
import type { MemoryController } from '../../lib/testing/controller.js';
import { type Fixture, makeFixture } from './memory/fixture.js';
import { revoked } from './resolvers.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
  fixture.disk('a');
});
afterEach(async () => {
  vi.useRealTimers();
  await fixture.env.close();
  expect(fixture.addon.violations.list).toEqual([]);
  expect(fixture.addon.environments.flatMap(({ memory }) => memory.pinned)).toEqual([]);
  useAddon(undefined);
});

async function disk(options?: Parameters<Fixture['attach']>[1]): Promise<Namespace> {
  const controller = await fixture.attach('a', options);
  return controller.namespaces[0] as Namespace;
}

/** Something that looks like a signal, and fires while it is being listened to. */
function hasty(): AbortSignal {
  const signal = {
    aborted: false,
    reason: 'now',
    addEventListener: (_: string, listener: () => void) => {
      signal.aborted = true;
      listener();
    },
    removeEventListener: () => {},
  };
  return signal as unknown as AbortSignal;
}

it('a signal that fires while it is being listened to aborts, and nothing is sent', async () => {
  const ns = await disk();
  const { admin } = ns.controller;
  const sent = vi.spyOn(fixture.addon.environments[0]?.controllers[0] as MemoryController, 'admin');
  vi.useFakeTimers();
  const command = { opcode: 6, cdw: [1], dataLength: 4096 };
  const aborted = { code: 'ERR_SPDK_ABORTED', cause: 'now' };
  await expect(admin.send(command, { signal: hasty() })).rejects.toMatchObject(aborted);
  await expect(ns.flush({ signal: hasty(), timeoutMs: 1_000 })).rejects.toMatchObject(aborted);
  expect(sent).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

it('a ring that is reaped in the middle of being reaped gives each completion once', () => {
  const capacity = 4;
  const header = 32;
  const completed = 16;
  const words = new Uint32Array(header + capacity * (4 + 16 + 16 * 3));
  words[completed] = 2;
  const native = {
    memory: () => words.buffer,
    capacity: () => capacity,
    poller: () => 0,
    submit: () => {},
    poll: () => {},
  };
  const ring = new Ring(native, false);
  const slots = [ring.take(), ring.take(), ring.take()];
  words.set(slots, header + capacity);
  const taken: number[] = [];
  const sink = {
    complete: (slot: number) => {
      taken.push(slot);
      if (taken.length > 10) throw new Error('it does not end');
      if (taken.length > 1) return;
      words[completed] = 3;
      ring.reap(sink);
    },
  };
  ring.reap(sink);
  expect(taken).toEqual(slots);
  expect(ring.free).toBe(capacity);
});

it('a listener that throws costs no log line, and none its place', () => {
  vi.useFakeTimers();
  const heard: string[] = [];
  const relay = new LogRelay('event');
  const pass = (text: string) =>
    relay.pass({ level: 2, source: '', text, controllerId: 0, controllerName: '' });
  pass('1');
  pass('2');
  relay.listener = {
    emit: (_, { message }) => {
      heard.push(message);
      throw new Error(message);
    },
  };
  pass('3');
  const later = vi.spyOn(eventLoop, 'queueMicrotask').mockImplementation(() => {});
  vi.runOnlyPendingTimers();
  expect(heard).toEqual(['1', '2', '3']);
  for (const [i, text] of heard.entries()) expect(later.mock.calls[i]?.[0]).toThrow(text);
  later.mockRestore();
});

/** A buffer that says to be of another length than it is. */
class Liar extends Uint8Array {
  override get byteLength(): number {
    return 512;
  }

  override set(): void {
    throw new Error('memory was handed out');
  }

  override subarray(): Uint8Array<ArrayBuffer> {
    throw new Error('memory was asked for');
  }
}

it.each([8192, 100])('a buffer of %i bytes that says 512 reaches no memory but its own', async (real) => {
  const ns = await disk({ queueDepth: 4 });
  // The chunks that these give back are used again from the last to the first: the lie's lies before the others'.
  await Promise.all([1, 2, 3, 4].map(() => ns.read(Buffer.alloc(512), { offset: 0 })));
  const others = Array.from({ length: 3 }, (_, i) => ns.write(Buffer.alloc(512, i + 1), { offset: i * 512 }));
  const lie = ns.write(new Liar(real).fill(0xff), { offset: 4096 });
  await Promise.allSettled([...others, lie]);
  const [first, second, third] = await Promise.all(
    [0, 512, 1024].map((offset) => ns.read(Buffer.alloc(512), { offset })),
  );
  expect([first, second, third].map((data) => [...new Set(data)])).toEqual([[1], [2], [3]]);
  // Through readv() as well, whose parts are put together.
  const read = ns.readv([new Liar(real), Buffer.alloc(512)], { offset: 0 });
  if (real < 512) await expect(read).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_BUFFER' });
  else expect((await read)[1]).toEqual(Buffer.alloc(512, 2));
});

it('an array that claims billions of buffers is rejected at once', async () => {
  const ns = await disk();
  const rejected = {
    code: 'ERR_SPDK_INVALID_ARG_VALUE',
    message: expect.stringContaining('from 0 to 65536'),
  };
  await expect(ns.readv(new Array(2 ** 32 - 1), { offset: 0 })).rejects.toMatchObject(rejected);
  await expect(ns.writev(new Array(65_537).fill(Buffer.alloc(1)), { offset: 0 })).rejects.toMatchObject(
    rejected,
  );
});

it('options are those of the caller, not those of Object.prototype', async () => {
  const ns = await disk();
  const polluted = { value: 512, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(Object.prototype, 'offset', polluted);
  try {
    const read = ns.read(Buffer.alloc(512), {} as { offset: number });
    await expect(read).rejects.toMatchObject({ code: 'ERR_SPDK_INVALID_ARG_TYPE' });
  } finally {
    Reflect.deleteProperty(Object.prototype, 'offset');
  }
});

it('methods of a namespace behind a proxy say what to do', async () => {
  const proxy = new Proxy(await disk(), {});
  const data = Buffer.alloc(512);
  const place = { offset: 0 };
  const calls = [
    () => proxy.read(data, place),
    () => proxy.write(data, place),
    () => proxy.readv([data], place),
    () => proxy.writev([data], place),
    () => proxy.flush(),
    () => proxy.writeZeroes({ offset: 0, length: 512 }),
    () => proxy.raw({ opcode: 0 }),
    async () => proxy.createReadStream(),
    async () => proxy.chunks(),
  ];
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({
      code: 'ERR_SPDK_INVALID_ARG_TYPE',
      message: expect.stringContaining('call it on the namespace itself'),
    });
  }
});

it('a read that was taken off its namespace says what to do, and is no bug of this package', async () => {
  const { read } = await disk();
  for (const other of [undefined, {}, setTimeout]) {
    await expect(read.call(other as never, Buffer.alloc(512), { offset: 0 })).rejects.toMatchObject({
      code: 'ERR_SPDK_INVALID_ARG_TYPE',
      message: expect.stringContaining('call it on the namespace itself'),
    });
  }
});

it('a batch takes namespaces, and nothing that only looks like one', async () => {
  const ns = await disk();
  const batch = ns.controller.queuePairs[0]?.openBatch();
  const buffer = fixture.env.allocate(4096);
  const likenesses = [
    Object.create(ns),
    { ...ns },
    structuredClone({ ...ns }),
    new Proxy(ns, {}),
    { id: 1, blockSize: 512, tag: ns.tag, controller: ns.controller, checkTransfer: () => 0, check: () => 0 },
    null,
    1,
  ];
  for (const likeness of likenesses) {
    const wrong = expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_TYPE' });
    expect(() => batch?.read(likeness, buffer, 0, 0, 512, 0)).toThrow(wrong);
    expect(() => batch?.flush(likeness, 0)).toThrow(wrong);
  }
  expect(batch?.outstanding).toBe(0);
  batch?.close();
  buffer.release();
});

it.each([
  ['a bigint', 1n],
  ['a symbol', Symbol('tag')],
  ['an object without a prototype', Object.create(null)],
  ['a proxy that throws', revoked()],
])('a tag of a batch that is %s is rejected with a code', async (_, tag) => {
  const ns = await disk();
  using batch = ns.controller.queuePairs[0]?.openBatch();
  using buffer = fixture.env.allocate(512);
  const wrong = expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_TYPE' });
  expect(() => batch?.read(ns, buffer, 0, 0, 512, tag as never)).toThrow(wrong);
  expect(() => batch?.flush(ns, tag as never)).toThrow(wrong);
  expect(batch?.outstanding).toBe(0);
});

it('arrays and logs that throw when they are read are rejected with a code', async () => {
  const ns = await disk();
  const { env } = fixture;
  const { management } = ns.controller;
  await using file = await open(ns);
  const throwing = Object.defineProperty([0], 0, {
    get: () => {
      throw new Error('an element');
    },
  });
  for (const value of [revoked() as never, throwing as never]) {
    const calls = [
      () => ns.raw({ opcode: 0, cdw: value }),
      () => management.attachNamespace(1, { controllers: value }),
      () => env.attachSubsystem(value),
      () => env.attachAll(value),
    ];
    for (const call of calls) {
      const code = expect.stringMatching(/^ERR_SPDK_INVALID_/);
      await expect(call(), String(call)).rejects.toMatchObject({ code });
    }
  }
  // The error of an iterable itself is passed on, as by a FileHandle.
  const unreadable = { code: 'ERR_SPDK_INVALID_ARG_VALUE' };
  await expect(file.writeFile(revoked() as never)).rejects.toMatchObject(unreadable);
});

it('an environment that is made with `new` is rejected with a code and what to call', () => {
  const Constructor = Environment as unknown as new (options?: object) => Environment;
  for (const options of [[], [{ memoryMb: 64 }]]) {
    const wrong = {
      code: 'ERR_SPDK_INVALID_ARG_TYPE',
      message: expect.stringContaining('Environment.init()'),
    };
    expect(() => new Constructor(...options)).toThrow(expect.objectContaining(wrong));
  }
});
