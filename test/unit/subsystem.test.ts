// Several paths to one subsystem, in memory: choice, failover, ANA, bad input, detach. Longer than other files: the cases
// share one subsystem and the calls that change its paths.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { open } from '../../lib/file/index.js';
import {
  Environment,
  type NamespaceOperations,
  Subsystem,
  type SubsystemNamespace,
  type SubsystemOptions,
  type SubsystemPath,
} from '../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../lib/testing/index.js';
import { block, codeOf, only, pathAt, takeDown, until } from './memory/two-paths.js';

const nqn = 'nqn.2026-01.com.example:shared';
const bs = 512;

let simulation: Simulation;
let targets: MemoryTarget[];
let subsystems: MemorySubsystem[];
let disk: MemoryNamespace;
let env: Environment;
let wedges: boolean;

/** Two targets, each with a path to one disk. */
beforeEach(async () => {
  wedges = false;
  simulation = simulate();
  targets = ['192.0.2.1', '192.0.2.2'].map((traddr) => simulation.addTarget({ traddr }));
  subsystems = targets.map((target) => target.addSubsystem(nqn));
  disk = (subsystems[0] as MemorySubsystem).addNamespace(1, { blocks: 64 });
  subsystems[1]?.shareNamespace(disk);
  env = await Environment.init();
});
afterEach(async () => {
  for (const target of targets) [target.silent, target.wedged] = [false, false];
  if (wedges) await codeOf(env.close({ timeoutMs: 50 }));
  else await env.close();
  expect(simulation.misuse).toEqual([]);
  simulation.restore();
});

const ids = () => subsystems.map(({ id }) => id);
const target = (i: number) => targets[i] as MemoryTarget;
const side = (i: number) => subsystems[i] as MemorySubsystem;

async function attach(options: SubsystemOptions = {}): Promise<Subsystem> {
  const subsystem = await env.attachSubsystem(ids(), { reconnectDelayMs: 20, ...options });
  await allUp(subsystem);
  return subsystem;
}

async function allUp(subsystem: Subsystem): Promise<void> {
  await until(() => subsystem.paths.every(({ state }) => state === 'up'));
}

const sent = (subsystem: Subsystem) => subsystem.paths.map((one) => one.stats().sent);
describe('attachSubsystem', () => {
  it('attaches every path, and has one object for the namespace', async () => {
    const subsystem = await attach();
    expect(subsystem.nqn).toBe(nqn);
    expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
    expect(env.controllers).toHaveLength(2);
    expect(subsystem.namespaces).toHaveLength(1);
    expect(only(subsystem)).toMatchObject({ id: 1, blockSize: bs, blocks: 64, bytes: 64 * bs });
    expect(only(subsystem).uuid).toBe(disk.uuid);
    expect(JSON.parse(JSON.stringify(subsystem))).toMatchObject({
      nqn,
      paths: [{ state: 'up' }, { state: 'up' }],
    });
  });

  it('resolves as soon as one path is up, and goes on with the others', async () => {
    target(1).rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'not yet' };
    const subsystem = await env.attachSubsystem(ids(), { reconnectDelayMs: 10 });
    expect(pathAt(subsystem, 0).state).toBe('up');
    await until(() => pathAt(subsystem, 1).error !== undefined);
    expect(pathAt(subsystem, 1).state).toBe('connecting');
    target(1).rejection = undefined;
    await allUp(subsystem);
    expect(subsystem.namespaces).toHaveLength(1);
    expect(subsystem.pathsOf(only(subsystem))).toHaveLength(2);
  });

  it('names the errors of paths when its time is over', async () => {
    target(0).rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'no route' };
    target(1).silent = true;
    await expect(env.attachSubsystem(ids(), { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ERR_SPDK_TIMEOUT',
      cause: { errors: expect.arrayContaining([expect.objectContaining({ code: 'ERR_SPDK_UNREACHABLE' })]) },
    });
  });

  it('rejects when every path has failed, with the errors of all, and nothing stays attached', async () => {
    for (const one of targets) one.rejection = { code: 'ERR_SPDK_CONNECT_REJECTED', message: 'no' };
    const error = await env.attachSubsystem(ids()).catch((thrown) => thrown);
    expect(error.code).toBe('ERR_SPDK_NO_PATH');
    expect(error.cause.errors.map(({ code }: { code: string }) => code)).toEqual([
      'ERR_SPDK_CONNECT_REJECTED',
      'ERR_SPDK_CONNECT_REJECTED',
    ]);
    expect(env.controllers).toEqual([]);
  });

  it('ends in time when no target responds, and at its signal', async () => {
    for (const one of targets) one.silent = true;
    expect(await codeOf(env.attachSubsystem(ids(), { timeoutMs: 30 }))).toBe('ERR_SPDK_TIMEOUT');
    for (const one of targets) one.silent = false;
    await until(() => env.controllers.length === 0);
    expect(await codeOf(env.attachSubsystem(ids(), { signal: AbortSignal.abort() }))).toBe(
      'ERR_SPDK_ABORTED',
    );
    const aborter = new AbortController();
    for (const one of targets) one.connectMs = 50;
    const attached = codeOf(env.attachSubsystem(ids(), { signal: aborter.signal }));
    await sleep(5);
    aborter.abort();
    expect(await attached).toBe('ERR_SPDK_ABORTED');
    await sleep(100);
    expect(env.controllers).toEqual([]);
  });

  it('uses no path to another subsystem, whatever its NQN says', async () => {
    side(1).serial = 'OTHER';
    target(1).connectMs = 20;
    const subsystem = await env.attachSubsystem(ids());
    await until(() => pathAt(subsystem, 1).state === 'failed');
    expect(pathAt(subsystem, 1).error?.code).toBe('ERR_SPDK_FOREIGN_PATH');
    await until(() => env.controllers.length === 1);
    expect(subsystem.pathsOf(only(subsystem))).toEqual([pathAt(subsystem, 0)]);
    expect(subsystem.history.map(({ code }) => code)).toContain('ERR_SPDK_FOREIGN_PATH');
  });

  it('uses no namespace that is another disk under the same id', async () => {
    side(1).removeNamespace(1);
    const other = side(1).addNamespace(1, { blocks: 64 });
    target(1).connectMs = 20;
    const subsystem = await attach();
    await only(subsystem).write(block(1), { offset: 0 });
    expect(subsystem.namespaces).toHaveLength(1);
    expect(subsystem.pathsOf(only(subsystem))).toEqual([pathAt(subsystem, 0)]);
    expect(other.data[0]).toBe(0);
    expect(subsystem.history.filter(({ kind }) => kind === 'note')).toHaveLength(1);
  });

  it('notes a namespace that has another size than on the path that has described it last', async () => {
    side(1).removeNamespace(1);
    side(1).addNamespace(1, { uuid: disk.uuid, blocks: 128 });
    target(1).connectMs = 20;
    const subsystem = await attach();
    expect(subsystem.namespaces.map(({ blocks }) => blocks)).toEqual([128]);
    expect(subsystem.pathsOf(only(subsystem))).toEqual([pathAt(subsystem, 1)]);
    expect(subsystem.history.filter(({ kind }) => kind === 'note').map(({ text }) => text)).toEqual([
      'namespace 1 on TCP 192.0.2.1:4420 differs from that on other paths and is not used',
    ]);
  });

  it('joins no namespaces that have no identifier', async () => {
    for (const [i, one] of subsystems.entries()) {
      one.removeNamespace(1);
      one.addNamespace(1, { uuid: '', blocks: 8 + i });
    }
    const subsystem = await attach();
    expect(subsystem.namespaces.map(({ blocks }) => blocks)).toEqual([8, 9]);
    expect(subsystem.namespaces.map((one) => subsystem.pathsOf(one))).toEqual(
      subsystem.paths.map((one) => [one]),
    );
  });

  it.each<[string, () => [unknown, unknown?], string]>([
    ['no array', () => [ids()[0]], 'ERR_SPDK_INVALID_ARG_TYPE'],
    ['no path', () => [[]], 'ERR_SPDK_INVALID_ARG_VALUE'],
    ['the same path twice', () => [[ids()[0], ids()[0]]], 'ERR_SPDK_CONFLICTING_OPTIONS'],
    [
      'the same path in two notations',
      () => [[ids()[0], { id: { trtype: 'tcp', traddr: '192.0.2.1', subnqn: nqn } }]],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
    ['two subsystems', () => [[ids()[0], ids()[1]?.replace(nqn, `${nqn}2`)]], 'ERR_SPDK_CONFLICTING_OPTIONS'],
    ['no subnqn', () => [['trtype:TCP traddr:192.0.2.1']], 'ERR_SPDK_INVALID_TRANSPORT_ID'],
    ['a local device', () => [['trtype:PCIe traddr:0000:01:00.0']], 'ERR_SPDK_TRANSPORT_UNAVAILABLE'],
    ['an unknown policy', () => [ids(), { policy: 'passive' }], 'ERR_SPDK_INVALID_ARG_VALUE'],
    ['an unknown key', () => [ids(), { polices: 'active-active' }], 'ERR_SPDK_UNKNOWN_OPTION'],
    ['an unknown key of a path', () => [[{ id: ids()[0], source: '1.2.3.4' }]], 'ERR_SPDK_UNKNOWN_OPTION'],
    [
      'a selector without meaning',
      () => [ids(), { selector: 'queue-depth' }],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
    [
      'two preferred paths',
      () => [ids().map((id) => ({ id, preferred: true }))],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
    [
      'a preferred path without meaning',
      () => [[{ id: ids()[0], preferred: true }], { policy: 'active-active' }],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
    [
      'a local address of another family',
      () => [[{ id: ids()[0], sourceAddress: '::1' }]],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
    [
      'an option that no path has of its own',
      () => [[{ id: ids()[0], timeoutMs: 1 }]],
      'ERR_SPDK_UNKNOWN_OPTION',
    ],
    ['a bad option of a path', () => [[{ id: ids()[0], keepAliveMs: 1 }]], 'ERR_SPDK_INVALID_ARG_VALUE'],
    [
      'digests of a path that has none',
      () => [[{ id: target(0).id(nqn, 'RDMA'), dataDigest: true }]],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
    [
      'times that contradict each other',
      () => [ids(), { fastIoFailTimeoutMs: 1 }],
      'ERR_SPDK_CONFLICTING_OPTIONS',
    ],
  ])('rejects %s, and attaches nothing', async (_, make, code) => {
    const [paths, options] = make();
    expect(await codeOf(env.attachSubsystem(paths as string[], options as SubsystemOptions))).toBe(code);
    await sleep(5);
    expect(env.controllers).toEqual([]);
    expect(targets.map(({ connections }) => connections.size)).toEqual([0, 0]);
  });

  it('a path has options of its own, so that digests are those of TCP where RDMA has none', async () => {
    const subsystem = await env.attachSubsystem(
      [
        { id: target(0).id(nqn, 'RDMA'), dataDigest: false, transportRetryCount: 2 },
        { id: target(1).id(nqn), queueDepth: 16, ioQueues: undefined },
      ],
      { dataDigest: true, ioQueues: 2, queueDepth: 64 },
    );
    await allUp(subsystem);
    subsystem.addPath({ id: target(1).id(nqn, 'RDMA'), dataDigest: false, ioQueues: 1 });
    await allUp(subsystem);
    expect(subsystem.paths.map(({ controller }) => controller?.info)).toMatchObject([
      { ioQueues: 2, queueDepth: 64 },
      { ioQueues: 2, queueDepth: 16 },
      { ioQueues: 1, queueDepth: 64 },
    ]);
    expect(subsystem.paths.map(({ spec }) => spec.options)).toMatchObject([
      { dataDigest: false, transportRetryCount: 2 },
      { dataDigest: true, transportRetryCount: undefined },
      { dataDigest: false, transportRetryCount: undefined },
    ]);
  });

  it('rejects in a closed environment', async () => {
    await env.close();
    expect(await codeOf(env.attachSubsystem(ids()))).toBe('ERR_SPDK_ENV_CLOSED');
  });

  it('says that the environment was closed meanwhile, which is no fault of a path', async () => {
    for (const one of targets) one.latencyMs = 50;
    const attaching = codeOf(env.attachSubsystem(ids()));
    await sleep(10);
    await env.close();
    expect(await attaching).toBe('ERR_SPDK_ENV_CLOSED');
  });

  it('does not wait for paths whose controllers are detached or lost before they are up', async () => {
    for (const one of targets) one.latencyMs = 50;
    const begun = performance.now();
    const code = codeOf(env.attachSubsystem(ids(), { ctrlrLossTimeoutMs: 0 }));
    await until(() => env.controllers.length === 2);
    await env.controllers[0]?.detach();
    target(1).dropLinks();
    expect(await code).toBe('ERR_SPDK_NO_PATH');
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

describe('operations', () => {
  it('have the interface of a namespace', async () => {
    const namespace: NamespaceOperations = only(await attach({ policy: 'active-active' }));
    await namespace.write(block(1), { offset: 0 });
    await namespace.writev([block(2), block(3)], { offset: bs });
    expect((await namespace.read(block(0), { offset: 0 }))[9]).toBe(1);
    const [second, third] = await namespace.readv([block(0), block(0)], { offset: bs });
    expect([second?.[0], third?.[511]]).toEqual([2, 3]);
    await namespace.compare(block(1), { offset: 0 });
    expect(await codeOf(namespace.compare(block(7), { offset: 0 }))).toBe('ERR_SPDK_IO_FAILED');
    await namespace.writeZeroes({ offset: 0, length: bs });
    expect((await namespace.read(block(9), { offset: 0 }))[0]).toBe(0);
    await namespace.verify({ offset: 0, length: bs });
    await namespace.deallocate({ offset: 0, length: bs });
    await namespace.flush();
    expect(await namespace.raw({ opcode: 0x81 })).toBe(0);
  });

  it('take DMA memory as it is', async () => {
    const namespace = only(await attach({ policy: 'active-active' }));
    const buffer = env.allocate(bs);
    buffer.fill(6);
    await namespace.write(buffer, { offset: 0 });
    buffer.fill(0);
    expect(await namespace.read(buffer, { offset: 0 })).toBe(buffer);
    expect(buffer[100]).toBe(6);
    buffer.release();
  });

  it('are not those of a batch, which goes over one path', async () => {
    const subsystem = await attach();
    const controller = pathAt(subsystem, 0).controller ?? expect.fail();
    const batch = controller.queuePairs[0]?.openBatch() ?? expect.fail();
    const buffer = env.allocate(bs);
    expect(() => batch.read({ namespace: only(subsystem) as never, buffer, offset: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_FOREIGN_NAMESPACE' }),
    );
    const [namespace] = controller.namespaces;
    if (namespace) batch.read({ namespace, buffer, offset: 0 });
    batch.submit();
    expect(await batch.wait()).toBe(1);
    batch.close();
    buffer.release();
  });

  it('are what streams and files use', async () => {
    const namespace = only(await attach());
    const stream = namespace.createWriteStream({ startBytes: 100, flush: true });
    stream.end(Buffer.alloc(1_000, 5));
    await once(stream, 'finish');
    const file = await open(namespace);
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 98);
    expect([...buffer]).toEqual([0, 0, 5, 5]);
    const written = file.createWriteStream({ start: 0 });
    written.end('hello');
    await once(written, 'close');
    const chunks = await namespace.createReadStream({ endBytes: 5 }).toArray();
    expect(String(Buffer.concat(chunks))).toBe('hello');
  });

  it.each([
    ['a loop over chunks', (one: NamespaceOperations) => one.chunks({ chunkBytes: bs, concurrency: 2 })],
    ['a read stream', (one: NamespaceOperations) => one.createReadStream({ chunkBytes: bs, concurrency: 2 })],
    [
      'a read stream that uses memory again',
      (one: NamespaceOperations) =>
        one.createReadStream({ chunkBytes: bs, concurrency: 2, reuseAfterChunks: 1 }),
    ],
  ])('%s goes on when a path is lost', async (_, read) => {
    const subsystem = await attach({ policy: 'active-active' });
    const namespace = only(subsystem);
    for (let i = 0; i < 64; i++) await namespace.write(block(i), { offset: i * bs });
    const found: number[] = [];
    for await (const chunk of read(namespace)) {
      found.push((chunk as Buffer)[7] as number);
      if (found.length === 8) takeDown(target(0));
      if (found.length === 24) {
        target(0).rejection = undefined;
        await allUp(subsystem);
        takeDown(target(1));
      }
    }
    expect(found).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  it('a write stream goes on when a path is lost, and leaves every byte', async () => {
    const subsystem = await attach({ policy: 'active-active' });
    const namespace = only(subsystem);
    const stream = namespace.createWriteStream({ chunkBytes: bs, concurrency: 2 });
    for (let i = 0; i < 64; i++) {
      if (i === 20) takeDown(target(1));
      if (!stream.write(block(i + 1))) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'finish');
    const all = await namespace.read(Buffer.alloc(64 * bs), { offset: 0 });
    expect(Array.from({ length: 64 }, (_, i) => all[i * bs + 3])).toEqual(
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
  });

  it.each<[string, (namespace: SubsystemNamespace) => Promise<unknown>, string]>([
    ['an unaligned offset', (one) => one.read(block(0), { offset: 1 }), 'ERR_SPDK_UNALIGNED'],
    ['a range past the end', (one) => one.write(block(0), { offset: 64 * bs }), 'ERR_SPDK_OUT_OF_RANGE'],
    ['an empty buffer', (one) => one.read(Buffer.alloc(0), { offset: 0 }), 'ERR_SPDK_INVALID_BUFFER'],
    ['no buffer', (one) => one.write('x' as never, { offset: 0 }), 'ERR_SPDK_INVALID_ARG_TYPE'],
    ['an unknown key', (one) => one.flush({ timeout: 1 } as never), 'ERR_SPDK_UNKNOWN_OPTION'],
    [
      'a queue pair',
      (one) => one.flush({ queuePair: env.controllers[0]?.queuePairs[0] }),
      'ERR_SPDK_FOREIGN_QUEUE_PAIR',
    ],
    ['a bad opcode', (one) => one.raw({ opcode: 256 }), 'ERR_SPDK_INVALID_ARG_VALUE'],
    ['bad dwords', (one) => one.raw({ opcode: 1, cdw: [-1] }), 'ERR_SPDK_INVALID_ARG_VALUE'],
  ])('reject %s at once, also without a path', async (_, call, code) => {
    const subsystem = await attach();
    expect(await codeOf(call(only(subsystem)))).toBe(code);
    takeDown(target(0));
    takeDown(target(1));
    await until(() => subsystem.paths.every(({ state }) => state === 'reconnecting'));
    expect(await codeOf(call(only(subsystem)))).toBe(code);
    expect(sent(subsystem)).toEqual([0, 0]);
  });
});

describe('the choice of a path', () => {
  const read = (subsystem: Subsystem) => only(subsystem).read(block(0), { offset: 0 });

  it('active-passive uses one at a time', async () => {
    const subsystem = await attach();
    for (let i = 0; i < 10; i++) await read(subsystem);
    expect(sent(subsystem).sort()).toEqual([0, 10]);
  });

  it('round-robin takes turns', async () => {
    const subsystem = await attach({ policy: 'active-active' });
    for (let i = 0; i < 10; i++) await read(subsystem);
    expect(sent(subsystem)).toEqual([5, 5]);
  });

  it('queue-depth takes the one with the fewest outstanding', async () => {
    const subsystem = await attach({ policy: 'active-active', selector: 'queue-depth' });
    target(0).silent = true;
    let ended = 0;
    const pending = Array.from({ length: 4 }, () => read(subsystem).then(() => ended++));
    await until(() => ended === 2);
    // Those of the silent path are still there, so that the other one has the rest.
    for (let i = 0; i < 10; i++) await read(subsystem);
    expect(sent(subsystem)).toEqual([2, 12]);
    target(0).silent = false;
    await Promise.all(pending);
  });

  it('a preferred path is used whenever it is up', async () => {
    const [first, second] = ids() as [string, string];
    const subsystem = await env.attachSubsystem([first, { id: second, preferred: true }], {
      reconnectDelayMs: 10,
    });
    await allUp(subsystem);
    await read(subsystem);
    expect(sent(subsystem)).toEqual([0, 1]);
    takeDown(target(1));
    await read(subsystem);
    expect(pathAt(subsystem, 0).stats().sent).toBe(1);
    target(1).rejection = undefined;
    await allUp(subsystem);
    await read(subsystem);
    expect(pathAt(subsystem, 0).stats().sent).toBe(1);
    subsystem.prefer(pathAt(subsystem, 0));
    await read(subsystem);
    expect(pathAt(subsystem, 0).stats().sent).toBe(2);
  });
});

describe('failover', () => {
  it('goes on after the program has removed all listeners of the controllers', async () => {
    const subsystem = await attach();
    for (const controller of env.controllers) controller.removeAllListeners();
    takeDown(target(0));
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    target(0).rejection = undefined;
    await allUp(subsystem);
    await pathAt(subsystem, 1).controller?.detach();
    expect(pathAt(subsystem, 1).state).toBe('detached');
  });

  it('goes on over the other path when the link breaks, without an error', async () => {
    const subsystem = await attach();
    const events: string[] = [];
    subsystem.on('pathDown', (one) => events.push(`down ${subsystem.paths.indexOf(one)} ${one.state}`));
    subsystem.on('failover', (_, from, to) => {
      events.push(`from ${subsystem.paths.indexOf(from)} to ${subsystem.paths.indexOf(to)}`);
    });
    subsystem.on('pathUp', (one) => events.push(`up ${subsystem.paths.indexOf(one)}`));
    const [used = 0, other = 1] =
      pathAt(subsystem, 0) === subsystem.pathsOf(only(subsystem))[0] ? [0, 1] : [1, 0];
    await sleep(5);
    events.length = 0;
    target(used).latencyMs = 500;
    const writes = Array.from({ length: 32 }, (_, i) =>
      only(subsystem).write(block(i + 1), { offset: i * bs }),
    );
    await sleep(5);
    takeDown(target(used));
    await Promise.all(writes);
    for (let i = 0; i < 32; i++) expect(disk.data[i * bs]).toBe(i + 1);
    expect(pathAt(subsystem, used).stats().failedOver).toBe(32);
    expect(pathAt(subsystem, other).stats().sent).toBe(32);
    target(used).rejection = undefined;
    await allUp(subsystem);
    expect(events).toEqual([`down ${used} reconnecting`, `from ${used} to ${other}`, `up ${used}`]);
    expect(subsystem.history.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['path', 'failover']));
  });

  it('without a reconnect policy a lost path fails, and the other one goes on', async () => {
    const subsystem = await env.attachSubsystem(ids(), { ctrlrLossTimeoutMs: 0, policy: 'active-active' });
    await allUp(subsystem);
    target(0).latencyMs = 500;
    const reads = Array.from({ length: 8 }, () => only(subsystem).read(block(0), { offset: 0 }));
    await sleep(5);
    takeDown(target(0));
    await Promise.all(reads);
    expect(pathAt(subsystem, 0).state).toBe('failed');
  });

  it('sends the data of the time of the call, whatever happens to the buffer since', async () => {
    const subsystem = await attach();
    const used = subsystem.paths.indexOf(subsystem.pathsOf(only(subsystem))[0] as SubsystemPath);
    target(used).silent = true;
    const source = block(4);
    const write = only(subsystem).write(source, { offset: 0 });
    const [one, two] = [block(5), block(6)];
    const vector = only(subsystem).writev([one, two], { offset: bs });
    for (const buffer of [source, one, two]) buffer.fill(9);
    await sleep(5);
    takeDown(target(used));
    await Promise.all([write, vector]);
    expect([0, 1, 2].map((i) => disk.data[i * bs])).toEqual([4, 5, 6]);
  });

  it.each<[string, (memory: { resize: (bytes: number) => void } & ArrayBuffer) => unknown]>([
    ['detached', (memory) => structuredClone(memory, { transfer: [memory] })],
    ['shrunk', (memory) => memory.resize(bs / 2)],
  ])('sends the data of the time of the call also if the buffer is %s since', async (_, change) => {
    const subsystem = await attach();
    const used = subsystem.paths.indexOf(subsystem.pathsOf(only(subsystem))[0] as SubsystemPath);
    target(used).silent = true;
    const memory = Reflect.construct(ArrayBuffer, [bs, { maxByteLength: bs }]);
    const write = only(subsystem).write(new Uint8Array(memory).fill(4), { offset: 0 });
    await sleep(5);
    change(memory);
    takeDown(target(used));
    await write;
    expect([...disk.data.subarray(0, bs)]).toEqual(Array(bs).fill(4));
  });

  it('ends a read whose buffer is gone before it goes out again', async () => {
    const subsystem = await attach();
    const used = subsystem.paths.indexOf(subsystem.pathsOf(only(subsystem))[0] as SubsystemPath);
    target(used).silent = true;
    const buffer = new Uint8Array(bs);
    const read = codeOf(only(subsystem).read(buffer, { offset: 0 }));
    await sleep(5);
    structuredClone(buffer, { transfer: [buffer.buffer] });
    takeDown(target(used));
    expect(await read).toBe('ERR_SPDK_INVALID_BUFFER');
  });

  it.each([
    ['an internal path error', { sct: 3, sc: 0 }],
    ['a controller pathing error', { sct: 3, sc: 0x60 }],
    ['a namespace that is not ready', { sc: 0x82 }],
    ['a damaged transfer', { sc: 0x22 }],
  ])('follows %s, and does not after do-not-retry', async (_, failure) => {
    const subsystem = await attach({ policy: 'active-active' });
    for (const one of targets) one.failCommands({ ...failure });
    await only(subsystem).write(block(8), { offset: 0 });
    expect(disk.data[0]).toBe(8);
    for (const one of targets) one.failCommands({ ...failure, dnr: true, count: 2 });
    await sleep(150);
    const error = await only(subsystem)
      .write(block(7), { offset: 0 })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { dnr: true } });
    expect(disk.data[0]).toBe(8);
  });

  it('goes over the other path where one does not have the namespace any more, once', async () => {
    const subsystem = await attach();
    const [first] = subsystem.pathsOf(only(subsystem));
    const used = subsystem.paths.indexOf(first as SubsystemPath);
    const failure = { sc: 0x0b, dnr: true, command: 'write' } as const;
    target(used).failCommands(failure);
    await only(subsystem).write(block(8), { offset: 0 });
    expect(disk.data[0]).toBe(8);
    const before = sent(subsystem).reduce((a, b) => a + b);
    for (const one of targets) one.failCommands({ ...failure, count: 1_000 });
    const error = await only(subsystem)
      .write(block(7), { offset: 0 })
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SPDK_IO_FAILED', nvmeStatus: { sc: 0x0b } });
    expect(sent(subsystem).reduce((a, b) => a + b) - before).toBe(2);
  });

  it.each(['active-passive', 'active-active'] as const)(
    'goes over each other path in turn until one has the namespace (%s)',
    async (policy) => {
      for (const traddr of ['192.0.2.3', '192.0.2.4']) {
        const further = simulation.addTarget({ traddr });
        targets.push(further);
        subsystems.push(further.addSubsystem(nqn));
        subsystems.at(-1)?.shareNamespace(disk);
      }
      const subsystem = await attach({ policy });
      const last = subsystem.pathsOf(only(subsystem)).at(-1) as SubsystemPath;
      const absent = targets.filter(({ traddr }) => traddr !== last.transportId.traddr);
      for (const one of absent) one.failCommands({ sc: 0x0b, dnr: true, command: 'write' });
      for (const value of [1, 2, 3, 4]) {
        await only(subsystem).write(block(value), { offset: 0 });
        expect(disk.data[0]).toBe(value);
      }
      expect(sent(subsystem).reduce((a, b) => a + b)).toBe(7);
    },
  );

  it('follows a command that SPDK has aborted with its queue pair, whatever it says of a retry', async () => {
    const subsystem = await attach({ policy: 'active-active' });
    for (const one of targets) one.failCommands({ sc: 0x08, dnr: true });
    await only(subsystem).write(block(8), { offset: 0 });
    expect(disk.data[0]).toBe(8);
  });

  it('does not follow a failure that is none of the path', async () => {
    const subsystem = await attach();
    for (const one of targets) one.failCommands({ sct: 2, sc: 0x81 });
    expect(await codeOf(only(subsystem).read(block(0), { offset: 0 }))).toBe('ERR_SPDK_IO_FAILED');
    expect(sent(subsystem).sort()).toEqual([0, 1]);
  });

  it('ends when the paths reject the same command again and again', async () => {
    const subsystem = await attach();
    for (const one of targets) one.failCommands({ sct: 3, sc: 0, count: 1_000, command: 'read' });
    expect(await codeOf(only(subsystem).read(block(0), { offset: 0 }))).toBe('ERR_SPDK_IO_FAILED');
    expect(sent(subsystem).reduce((a, b) => a + b)).toBe(9);
  });

  it('never sends a raw command twice', async () => {
    const subsystem = await attach({ policy: 'active-active' });
    for (const one of targets) one.latencyMs = 1_000;
    const raw = codeOf(only(subsystem).raw({ opcode: 0x81 }));
    await sleep(5);
    takeDown(target(0));
    takeDown(target(1));
    expect(await raw).toMatch(/^ERR_SPDK_(IO_FAILED|CONTROLLER_FAILED)$/);
    expect(sent(subsystem).reduce((a, b) => a + b)).toBe(1);
  });

  it('sends a raw command with as much data as every path takes, and no more', async () => {
    side(1).maxTransferBytes = 4096;
    const subsystem = await attach();
    const raw = () => codeOf(only(subsystem).raw({ opcode: 0x81, data: Buffer.alloc(8192) }));
    for (const path of subsystem.paths) {
      subsystem.prefer(path);
      expect(await raw()).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    }
    expect(await codeOf(only(subsystem).raw({ opcode: 0x81, data: Buffer.alloc(4096) }))).toBe('ok');
    expect(subsystem.paths.map(({ state }) => state)).toEqual(['up', 'up']);
    expect(subsystem.history.map(({ text }) => text).join()).not.toContain('reconnecting');
    await subsystem.removePath(pathAt(subsystem, 1));
    expect(await raw()).toBe('ok');
  });

  it('waits as long as the controller asks for (CRD), and no longer than three times', async () => {
    for (const one of subsystems) one.commandRetryDelays = [0, 1, 0];
    const subsystem = await attach();
    for (const one of targets) one.failCommands({ sc: 0x06, crd: 2 });
    const begun = performance.now();
    await only(subsystem).read(block(0), { offset: 0 });
    expect(performance.now() - begun).toBeGreaterThan(95);
    for (const one of targets) one.failCommands({ sc: 0x06, crd: 2, count: 100 });
    const error = await only(subsystem)
      .read(block(0), { offset: 0 })
      .catch((thrown) => thrown);
    expect(error.nvmeStatus).toMatchObject({ sc: 6, crd: 2 });
    expect(side(0).features.has(0x16)).toBe(true);
  });

  it('goes over the other path while a batch has the queue of the first, and waits for it without another one', async () => {
    const subsystem = await attach();
    const [first, second] = subsystem.paths as [SubsystemPath, SubsystemPath];
    const batch = first.controller?.queuePairs[0]?.openBatch();
    await only(subsystem).write(block(1), { offset: 0 });
    expect([first.stats().failedOver, second.stats().sent]).toEqual([1, 1]);
    // Sent once only, and the first path has sent nothing.
    await only(subsystem).compareAndWrite(block(1), block(3), { offset: 0 });
    expect(disk.data[0]).toBe(3);
    await subsystem.removePath(second);
    const waiting = only(subsystem).write(block(2), { offset: 0 });
    await sleep(20);
    batch?.close();
    await waiting;
    expect(disk.data[0]).toBe(2);
  });

  it('keeps the order of overlapping writes', async () => {
    const subsystem = await attach({ policy: 'active-active' });
    target(0).latencyMs = 15;
    const writes: Promise<void>[] = [];
    for (let i = 1; i <= 20; i++)
      writes.push(only(subsystem).write(Buffer.alloc(4 * bs, i), { offset: (i % 3) * bs }));
    await sleep(20);
    target(0).dropLinks();
    await Promise.all(writes);
    // What the last one did not cover is of the last one that did.
    expect([0, 1, 2, 5].map((i) => disk.data[i * bs])).toEqual([18, 19, 20, 20]);
  });
});

describe('without a path', () => {
  async function lost(options: SubsystemOptions = {}): Promise<Subsystem> {
    const subsystem = await attach(options);
    takeDown(target(0));
    takeDown(target(1));
    await until(() => subsystem.paths.every(({ state }) => state !== 'up'));
    return subsystem;
  }

  it('operations wait, and go on when one is back', async () => {
    const subsystem = await lost();
    const pathless = once(subsystem, 'noPath');
    const writes = [1, 2, 3].map((i) => only(subsystem).write(block(i), { offset: i * bs }));
    await pathless;
    expect(only(subsystem).waiting).toBe(3);
    target(1).rejection = undefined;
    await Promise.all(writes);
    expect([1, 2, 3].map((i) => disk.data[i * bs])).toEqual([1, 2, 3]);
    expect(only(subsystem).waiting).toBe(0);
    expect(subsystem.history.filter(({ kind }) => kind === 'no-path')).toHaveLength(1);
  });

  it('they end with their time, and with their signal', async () => {
    const subsystem = await lost();
    const begun = performance.now();
    expect(await codeOf(only(subsystem).flush({ timeoutMs: 30 }))).toBe('ERR_SPDK_TIMEOUT');
    expect(performance.now() - begun).toBeLessThan(5_000);
    const aborter = new AbortController();
    const flush = codeOf(only(subsystem).flush({ signal: aborter.signal }));
    await sleep(5);
    aborter.abort();
    expect(await flush).toBe('ERR_SPDK_ABORTED');
    expect(only(subsystem).waiting).toBe(0);
  });

  it('`timeoutMs` is that of all attempts together', async () => {
    const subsystem = await attach();
    for (const one of targets) one.latencyMs = 2_000;
    const begun = performance.now();
    const read = only(subsystem).read(block(0), { offset: 0, timeoutMs: 500 });
    await sleep(20);
    const used = subsystem.paths.findIndex((one) => one.stats().sent > 0);
    for (const one of targets) one.silent = true;
    takeDown(target(used));
    const error = await read.catch((thrown) => thrown);
    expect(error.code).toBe('ERR_SPDK_TIMEOUT');
    expect(error.message).toContain('500 ms on 2 paths');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('`ioTimeoutMs` of the attach is the limit of operations that give none', async () => {
    const subsystem = await lost({ ioTimeoutMs: 25 });
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_TIMEOUT');
  });

  it('they end after fastIoFailTimeoutMs, while the paths are still connected again', async () => {
    const subsystem = await lost({ fastIoFailTimeoutMs: 60 });
    const begun = performance.now();
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_NO_PATH');
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_NO_PATH');
    for (const one of targets) one.rejection = undefined;
    await allUp(subsystem);
    await only(subsystem).flush();
  });

  it('they end when the last path has failed for good', async () => {
    const subsystem = await lost({ ctrlrLossTimeoutMs: 60 });
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_NO_PATH');
    await until(() => subsystem.paths.every(({ state }) => state === 'failed'));
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_NO_PATH');
    target(0).rejection = undefined;
    await pathAt(subsystem, 0).controller?.reset();
    await until(() => pathAt(subsystem, 0).state === 'up');
    await only(subsystem).flush();
  });

  it('wakes operations when a path is added', async () => {
    const subsystem = await lost();
    const third = simulation.addTarget({ traddr: '192.0.2.3' });
    const there = third.addSubsystem(nqn);
    there.shareNamespace(disk);
    const write = only(subsystem).write(block(3), { offset: 0 });
    subsystem.addPath(there.id);
    await write;
    expect(disk.data[0]).toBe(3);
  });
});

describe('maxWaiting', () => {
  const outcomes = async (promises: readonly Promise<unknown>[]) =>
    (await Promise.all(promises.map(codeOf))).sort();
  const reads = (subsystem: Subsystem, count: number) =>
    Array.from({ length: count }, (_, i) => only(subsystem).read(block(0), { offset: (i % 64) * bs }));
  const many = (code: string, count: number) => Array.from({ length: count }, () => code);

  it('limits those that wait for a path, and a call beyond it rejects at once', async () => {
    const subsystem = await env.attachSubsystem([side(0).id], {
      maxWaiting: 2,
      queueDepth: 2,
      reconnectDelayMs: 20,
    });
    takeDown(target(0));
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    const all = reads(subsystem, 10);
    const rejected = await Promise.all(all.slice(2).map(codeOf));
    expect([rejected, only(subsystem).waiting]).toEqual([many('ERR_SPDK_QUEUE_FULL', 8), 2]);
    target(0).rejection = undefined;
    expect(await outcomes(all.slice(0, 2))).toEqual(['ok', 'ok']);
  });

  it('does not limit what was accepted by a path that is lost', async () => {
    const subsystem = await attach({ policy: 'active-active', maxWaiting: 4, queueDepth: 2, ioQueues: 1 });
    for (const one of targets) one.silent = true;
    const all = reads(subsystem, 12);
    const beyond = reads(subsystem, 2);
    expect(await outcomes(beyond)).toEqual(many('ERR_SPDK_QUEUE_FULL', 2));
    takeDown(target(0));
    await until(() => pathAt(subsystem, 0).stats().failedOver === 6);
    expect(await outcomes(reads(subsystem, 1))).toEqual(['ERR_SPDK_QUEUE_FULL']);
    target(1).silent = false;
    expect(await outcomes(all)).toEqual(many('ok', 12));
    expect(await outcomes(reads(subsystem, 6))).toEqual(many('ok', 6));
  });

  it('does not limit what was accepted and then had no path', async () => {
    const subsystem = await attach({ policy: 'active-active', maxWaiting: 4, queueDepth: 2, ioQueues: 1 });
    for (const one of targets) one.silent = true;
    const all = reads(subsystem, 12);
    for (const i of [0, 1]) takeDown(target(i));
    await until(() => only(subsystem).waiting === 12);
    expect(await outcomes(reads(subsystem, 1))).toEqual(['ERR_SPDK_QUEUE_FULL']);
    [target(1).silent, target(1).rejection] = [false, undefined];
    expect(await outcomes(all)).toEqual(many('ok', 12));
  });

  it('limits writes that wait for earlier ones, of which each that ends makes room', async () => {
    const subsystem = await attach({ maxWaiting: 2 });
    for (const one of targets) one.silent = true;
    const write = (options = {}) => only(subsystem).write(block(1), { offset: 0, ...options });
    const ending = new AbortController();
    const sent = write();
    const ended = codeOf(write({ signal: ending.signal }));
    const waiting = write();
    expect(await outcomes([write(), write()])).toEqual(many('ERR_SPDK_QUEUE_FULL', 2));
    ending.abort();
    expect(await ended).toBe('ERR_SPDK_ABORTED');
    const next = write();
    expect(await outcomes([write()])).toEqual(['ERR_SPDK_QUEUE_FULL']);
    for (const one of targets) one.silent = false;
    expect(await outcomes([sent, waiting, next])).toEqual(many('ok', 3));
    expect(await outcomes([write(), write(), write()])).toEqual(many('ok', 3));
  });
});

describe('ANA', () => {
  const stateOf = (subsystem: Subsystem, i: number) => pathAt(subsystem, i).ana(1);

  it('prefers optimized paths, and follows changes', async () => {
    side(0).setAna(1, 'non-optimized');
    const subsystem = await attach({ policy: 'active-active' });
    const read = () => only(subsystem).read(block(0), { offset: 0 });
    for (let i = 0; i < 4; i++) await read();
    expect(sent(subsystem)).toEqual([0, 4]);
    const changed = once(subsystem, 'ana');
    side(1).setAna(1, 'inaccessible');
    expect((await changed).slice(2)).toEqual(['inaccessible', 'optimized']);
    for (let i = 0; i < 4; i++) await read();
    expect(sent(subsystem)).toEqual([4, 4]);
    side(0).setAna(1, 'optimized');
    side(1).setAna(1, 'optimized');
    await until(() => stateOf(subsystem, 0) === 'optimized' && stateOf(subsystem, 1) === 'optimized');
    for (let i = 0; i < 4; i++) await read();
    expect(sent(subsystem)).toEqual([6, 6]);
    expect(subsystem.history.filter(({ kind }) => kind === 'ana').map(({ text }) => text)[0]).toBe(
      'namespace 1 on TCP 192.0.2.2:4420: optimized to inaccessible',
    );
  });

  it.each(['inaccessible', 'change', 'persistent-loss'] as const)(
    'a command that meets %s goes out again, before the notice has come',
    async (state) => {
      const subsystem = await attach();
      const used = subsystem.paths.indexOf(subsystem.pathsOf(only(subsystem))[0] as SubsystemPath);
      target(used).latencyMs = 10;
      const write = only(subsystem).write(block(5), { offset: 0 });
      side(used).setAna(1, state);
      await write;
      expect(disk.data[0]).toBe(5);
      expect(pathAt(subsystem, 1 - used).stats().sent).toBe(1);
      expect(pathAt(subsystem, used).stats().sent).toBe(1);
      await until(() => stateOf(subsystem, used) === state);
    },
  );

  it('commands that are rejected together go out again together, and the log is read once', async () => {
    const subsystem = await attach();
    const used = subsystem.paths.indexOf(subsystem.pathsOf(only(subsystem))[0] as SubsystemPath);
    const admin = side(used).admin.bind(side(used));
    let reads = 0;
    side(used).admin = (question, from) => {
      if (question.opcode === 0x02) reads++;
      return admin(question, from);
    };
    target(used).failCommands({ sct: 3, sc: 2, count: 32 });
    await Promise.all(Array.from({ length: 32 }, () => only(subsystem).read(block(0), { offset: 0 })));
    expect(pathAt(subsystem, 1 - used).stats().sent).toBe(32);
    await until(() => subsystem.pathsOf(only(subsystem)).length === 2);
    await sleep(20);
    expect(reads).toBe(1);
  });

  it('operations wait for the end of a transition', async () => {
    const subsystem = await attach();
    for (const one of subsystems) one.setAna(1, 'change');
    await until(() => subsystem.pathsOf(only(subsystem)).length === 0);
    const write = only(subsystem).write(block(6), { offset: 0 });
    await sleep(20);
    expect(disk.data[0]).toBe(0);
    side(0).setAna(1, 'non-optimized');
    await write;
    expect(disk.data[0]).toBe(6);
  });

  it('but not longer than ANATT', { timeout: 10_000 }, async () => {
    for (const one of subsystems) one.anaTransitionSeconds = 1;
    const subsystem = await attach();
    for (const one of subsystems) one.setAna(1, 'change');
    const begun = performance.now();
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_NO_PATH');
    expect(performance.now() - begun).toBeGreaterThan(900);
    expect(performance.now() - begun).toBeLessThan(5_000);
    side(1).setAna(1, 'optimized');
    await until(() => subsystem.pathsOf(only(subsystem)).length === 1);
    await only(subsystem).flush();
  });

  it('whose time begins with the transition, however long the path was inaccessible before', async () => {
    for (const one of subsystems) one.anaTransitionSeconds = 1;
    side(1).setAna(1, 'inaccessible');
    const subsystem = await attach();
    await sleep(1_100);
    side(0).setAna(1, 'persistent-loss');
    side(1).setAna(1, 'change');
    await until(() => stateOf(subsystem, 0) === 'persistent-loss' && stateOf(subsystem, 1) === 'change');
    const write = only(subsystem).write(block(6), { offset: 0 });
    await sleep(20);
    side(1).setAna(1, 'optimized');
    await write;
    expect(disk.data[0]).toBe(6);
  });

  it('and not at all for a persistent loss', async () => {
    const subsystem = await attach();
    for (const one of subsystems) one.setAna(1, 'persistent-loss');
    await until(() => subsystem.pathsOf(only(subsystem)).length === 0);
    expect(await codeOf(only(subsystem).flush())).toBe('ERR_SPDK_NO_PATH');
  });

  it('is read anew with each connection', async () => {
    const subsystem = await attach();
    takeDown(target(0));
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    side(0).setAna(1, 'persistent-loss');
    target(0).rejection = undefined;
    await allUp(subsystem);
    expect(stateOf(subsystem, 0)).toBe('persistent-loss');
    side(0).setAna(1, 'non-optimized');
    await until(() => stateOf(subsystem, 0) === 'non-optimized');
  });

  it('controllers that do not report it are optimized', async () => {
    for (const one of subsystems) one.reportsAna = false;
    const subsystem = await attach();
    expect(stateOf(subsystem, 0)).toBeUndefined();
    await only(subsystem).flush();
  });

  it('is read in pieces where the controller transfers little at once', async () => {
    for (const one of subsystems) one.maxTransferBytes = 4096;
    for (let id = 2; id <= 60; id++) side(1).shareNamespace(side(0).addNamespace(id));
    side(0).setAna(60, 'inaccessible');
    const subsystem = await attach();
    expect(pathAt(subsystem, 0).ana(60)).toBe('inaccessible');
    expect(pathAt(subsystem, 0).ana(59)).toBe('optimized');
  });
});

describe('namespaces', () => {
  it('appear, change and vanish', async () => {
    const subsystem = await attach();
    const first = only(subsystem);
    let changed = once(subsystem, 'namespaces');
    const second = side(0).addNamespace(2);
    await changed;
    side(1).shareNamespace(second);
    await until(() => subsystem.pathsOf(subsystem.namespaces[1] as SubsystemNamespace).length === 2);
    expect(subsystem.namespaces[0]).toBe(first);

    changed = once(subsystem, 'namespaces');
    side(0).resizeNamespace(1, 128);
    side(1).resizeNamespace(1, 128);
    await changed;
    await until(() => subsystem.pathsOf(only(subsystem)).length === 2);
    expect(only(subsystem).blocks).toBe(128);
    expect(await codeOf(first.flush())).toBe('ERR_SPDK_NAMESPACE_GONE');
    await only(subsystem).flush();

    for (const one of subsystems) one.removeNamespace(1);
    await until(() => subsystem.namespaces.length === 1);
    expect(subsystem.namespaces[0]?.id).toBe(2);
  });

  it('operations that wait for a namespace end when it is gone', async () => {
    const subsystem = await attach();
    const namespace = only(subsystem);
    for (const one of subsystems) one.setAna(1, 'change');
    await until(() => subsystem.pathsOf(namespace).length === 0);
    const flush = codeOf(namespace.flush());
    for (const one of subsystems) one.removeNamespace(1);
    expect(await flush).toBe('ERR_SPDK_NAMESPACE_GONE');
  });
});

describe('paths', () => {
  it('are added and removed while operations go on', async () => {
    const [first, second] = ids() as [string, string];
    const subsystem = await env.attachSubsystem([first]);
    const added: SubsystemPath[] = [];
    subsystem.on('pathAdded', (one) => added.push(one));
    const path2 = subsystem.addPath(second);
    expect(path2.state).toBe('connecting');
    await allUp(subsystem);
    expect(added).toEqual([path2]);

    target(0).latencyMs = 2_000;
    const writes = Array.from({ length: 8 }, (_, i) =>
      only(subsystem).write(block(i + 1), { offset: i * bs }),
    );
    await sleep(5);
    const report = await subsystem.removePath(pathAt(subsystem, 0), { drainMs: 1 });
    expect(report?.aborted).toBe(8);
    await Promise.all(writes);
    expect(disk.data[7 * bs]).toBe(8);
    expect(subsystem.paths).toEqual([path2]);
    expect(env.controllers).toHaveLength(1);
    await allUp(subsystem);
  });

  it('are removed once, by however many calls', async () => {
    const subsystem = await attach();
    const removed: SubsystemPath[] = [];
    subsystem.on('pathRemoved', (one) => removed.push(one));
    const gone = pathAt(subsystem, 0);
    await Promise.all([subsystem.removePath(gone), subsystem.removePath(gone)]);
    await sleep(5);
    expect(removed).toEqual([gone]);
  });

  it('are rejected where they cannot be', async () => {
    const subsystem = await attach();
    expect(() => subsystem.addPath(ids()[0] as string)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_CONFLICTING_OPTIONS' }),
    );
    expect(() => subsystem.addPath(`${ids()[0]}x`)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_CONFLICTING_OPTIONS' }),
    );
    const removed = pathAt(subsystem, 0);
    await subsystem.removePath(removed);
    expect(await codeOf(subsystem.removePath(removed))).toBe('ERR_SPDK_INVALID_ARG_VALUE');
    expect(() => subsystem.prefer(removed)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_INVALID_ARG_VALUE' }),
    );
    subsystem.addPath(ids()[0] as string);
    await allUp(subsystem);
  });

  it('whose controller the program detaches are not used', async () => {
    const subsystem = await attach();
    await pathAt(subsystem, 0).controller?.detach();
    expect(pathAt(subsystem, 0).state).toBe('detached');
    await only(subsystem).flush();
    expect(subsystem.addPath(ids()[0] as string).state).toBe('connecting');
    await allUp(subsystem);
    expect(subsystem.paths).toHaveLength(2);
  });
});

describe('detach', () => {
  it('ends everything, once', async () => {
    const subsystem = await attach();
    const namespace = only(subsystem);
    const detached = once(subsystem, 'detached');
    const [one, two] = await Promise.all([subsystem.detach(), subsystem.detach()]);
    expect(one).toBe(two);
    expect(one.paths).toHaveLength(2);
    expect((await detached)[0]).toBe(one);
    expect(env.controllers).toEqual([]);
    expect(await codeOf(namespace.flush())).toBe('ERR_SPDK_CONTROLLER_DETACHED');
    expect(() => subsystem.addPath(ids()[0] as string)).toThrow(
      expect.objectContaining({ code: 'ERR_SPDK_CONTROLLER_DETACHED' }),
    );
  });

  it('rejects what waits, and is bounded with one path dead, one silent and one that is being connected', async () => {
    const third = simulation.addTarget({ traddr: '192.0.2.3' });
    const there = third.addSubsystem(nqn);
    third.silent = true;
    const subsystem = await attach();
    subsystem.addPath(there.id);
    takeDown(target(0));
    target(1).silent = true;
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    const read = codeOf(only(subsystem).read(block(0), { offset: 0 }));
    const begun = performance.now();
    await subsystem.detach({ drainMs: 20, timeoutMs: 8_000 });
    expect(performance.now() - begun).toBeLessThan(6_000);
    expect(await read).toBe('ERR_SPDK_DETACHING');
    third.silent = false;
    await until(() => env.controllers.length === 0);
  });

  it('ends what pauses because its controller has asked for that', async () => {
    for (const one of subsystems) one.commandRetryDelays = [600, 0, 0];
    const subsystem = await attach();
    for (const one of targets) one.failCommands({ sc: 0x06, crd: 1 });
    const read = codeOf(only(subsystem).read(block(0), { offset: 0 }));
    await until(() => sent(subsystem).some((count) => count > 0));
    await sleep(10);
    const begun = performance.now();
    await subsystem.detach();
    expect(await read).toBe('ERR_SPDK_DETACHING');
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('says so when SPDK does not return, and the rest is detached', async () => {
    const subsystem = await attach();
    wedges = true;
    target(0).wedged = true;
    expect(await codeOf(subsystem.detach({ drainMs: 0, timeoutMs: 50 }))).toBe('ERR_SPDK_WEDGED');
    expect(env.controllers).toHaveLength(1);
  });

  it('happens with the environment', async () => {
    const subsystem = await attach();
    takeDown(target(0));
    takeDown(target(1));
    await until(() => subsystem.paths.every(({ state }) => state === 'reconnecting'));
    const flush = codeOf(only(subsystem).flush());
    await env.close();
    expect(await flush).toBe('ERR_SPDK_DETACHING');
    await subsystem.detach();
  });

  it('happens with the environment, whatever it has of paths that were never attached', async () => {
    target(1).rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'no' };
    const subsystem = await env.attachSubsystem(ids(), { reconnectDelayMs: 30_000 });
    const namespace = only(subsystem);
    await until(() => pathAt(subsystem, 1).error !== undefined);
    takeDown(target(0));
    await until(() => pathAt(subsystem, 0).state === 'reconnecting');
    const waiting = codeOf(namespace.flush());
    await env.close();
    expect(await waiting).toBe('ERR_SPDK_DETACHING');
    expect([subsystem.detached, env.subsystems, subsystem.paths.map(({ state }) => state)]).toEqual([
      true,
      [],
      ['detached', 'detached'],
    ]);
    expect(await codeOf(namespace.read(block(0), { offset: 0 }))).toBe('ERR_SPDK_CONTROLLER_DETACHED');
  });

  it('happens with the environment that is closed when its first path has just come up', async () => {
    target(1).rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'no' };
    const inTime = Subsystem.attach.bind(Subsystem);
    let late: Subsystem | undefined;
    const opening = vi.spyOn(Subsystem, 'attach').mockImplementation(async (...of) => {
      late = await inTime(...of);
      void env.close();
      return late;
    });
    const attaching = codeOf(env.attachSubsystem(ids(), { reconnectDelayMs: 30_000 }));
    expect(await attaching).toBe('ERR_SPDK_ENV_CLOSED');
    opening.mockRestore();
    expect(late?.detached).toBe(true);
    expect(env.subsystems).toEqual([]);
  });

  it('happens with the last share of an environment, and not before', async () => {
    await env.close();
    const [one, other] = [await Environment.shared(), await Environment.shared()];
    target(1).rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'no' };
    const subsystem = await one.environment.attachSubsystem(ids(), { reconnectDelayMs: 30_000 });
    await one.close();
    await only(subsystem).flush();
    await other[Symbol.asyncDispose]();
    expect([subsystem.detached, other.environment.subsystems]).toEqual([true, []]);
  });

  it('is what `await using` does', async () => {
    {
      await using subsystem = await attach();
      await only(subsystem).flush();
    }
    expect(env.controllers).toEqual([]);
  });
});
