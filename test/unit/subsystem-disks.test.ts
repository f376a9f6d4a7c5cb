// Paths that show one disk, another one or none under one id, and come and go, in any order: what is written to the object of a disk
// reaches that disk only, and a disk that some path has is there in the end.

import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { Environment, type SpdkError, type Subsystem } from '../../lib/index.js';
import { type MemoryNamespace, type MemoryTarget, simulate } from '../../lib/testing/index.js';
import { useFakeEventLoop } from '../support/fake-event-loop.js';
import { randomRuns } from '../support/random-runs.js';

const { MODEL_SEED, MODEL_RUNS } = process.env;
const runs = Number(MODEL_RUNS ?? randomRuns(100));
const seed = MODEL_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(MODEL_SEED ?? 7);
const nqn = 'nqn.2026-01.com.example:disks';
const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const blockSize = 512;
const blocks = 4;

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), block: fc.nat(blocks - 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('show' as const),
      path: fc.nat(addresses.length - 1),
      disk: fc.constantFrom(0, 1, 2, undefined),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('down', 'up', 'drop', 'reset', 'remove', 'add'),
      path: fc.nat(addresses.length - 1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(200) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Drawn> ? Drawn : never;

class DiskWorld {
  readonly problems: string[] = [];
  readonly #simulation = simulate();
  readonly #targets = addresses.map((traddr) => this.#simulation.addTarget({ traddr }));
  readonly #sides = this.#targets.map((target) => target.addSubsystem(nqn));
  /** Disks of one size, of which each has an identity of its own. */
  readonly #disks: readonly MemoryNamespace[] = [0, 1, 2].map((i) =>
    this.#simulation
      .addTarget({ traddr: `192.0.2.${101 + i}` })
      .addSubsystem(nqn)
      .addNamespace(1, { blocks, blockSize }),
  );
  #env!: Environment;
  #subsystem!: Subsystem;
  #open = 0;
  settled = 0;

  async open(): Promise<void> {
    for (const side of this.#sides) side.shareNamespace(this.#disks[0] as MemoryNamespace);
    const opening = Environment.init();
    await this.#pass(5);
    this.#env = await opening;
    const attaching = this.#env.attachSubsystem(
      this.#sides.map(({ id }) => id),
      { ctrlrLossTimeoutMs: 100, reconnectDelayMs: 20 },
    );
    await this.#pass(100);
    this.#subsystem = await attaching;
  }

  async act(one: Step): Promise<void> {
    if (one.kind === 'pass') return this.#pass(one.ms);
    if (one.kind === 'write') return this.#write(one.block);
    if (one.kind === 'show') {
      const side = this.#sides[one.path];
      const disk = one.disk === undefined ? undefined : this.#disks[one.disk];
      // A host that is still connected hears of another disk only after it is there: what it sends until then goes to that.
      if (disk) this.#targets[one.path]?.dropLinks();
      if (disk) side?.shareNamespace(disk);
      else side?.removeNamespace(1);
      return;
    }
    const target = this.#targets[one.path] as MemoryTarget;
    const path = this.#pathAt(one.path);
    if (one.kind === 'down') {
      target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
      target.dropLinks();
    }
    if (one.kind === 'up') target.rejection = undefined;
    if (one.kind === 'drop') target.dropLinks();
    if (one.kind === 'reset') path?.controller?.reset({ timeoutMs: 500 }).catch(() => {});
    if (one.kind === 'add' && !path) this.#subsystem.addPath(this.#sides[one.path]?.id as string);
    if (one.kind === 'remove' && path) this.#subsystem.removePath(path, { drainMs: 0 }).catch(() => {});
  }

  /** Every path can be connected, and those that have failed are added again: the id belongs to a disk that some path has. */
  async finish(): Promise<void> {
    await this.#pass(500);
    this.#checkListed();
    for (const target of this.#targets) target.rejection = undefined;
    await this.#pass(500);
    for (const [i, side] of this.#sides.entries()) {
      const path = this.#pathAt(i);
      if (path?.state === 'failed') await this.#within(100, this.#subsystem.removePath(path));
      if (!this.#pathAt(i)) this.#subsystem.addPath(side.id);
    }
    await this.#pass(1_000);
    if (this.#open > 0) this.problems.push(`${this.#open} writes have not settled`);
    const states = this.#subsystem.paths.map(({ state }) => state);
    if (states.some((state) => state !== 'up')) this.problems.push(`paths are ${states}`);
    this.#checkListed();
    for (const disk of this.#disks) this.#check(disk);
    await this.#within(100, this.#subsystem.detach());
    await this.#within(100, this.#env.close());
    this.problems.push(...this.#simulation.misuse);
  }

  restore(): void {
    this.#simulation.restore();
  }

  #pathAt(i: number) {
    return this.#subsystem.paths.find(({ transportId }) => transportId.traddr === addresses[i]);
  }

  /** No path is being connected: the namespace is the disk of some path that is up, and uses all paths to that disk. */
  #checkListed(): void {
    const { paths, namespaces } = this.#subsystem;
    const up = paths.filter(({ state }) => state === 'up');
    if (up.length === 0) return;
    const shown = up.flatMap(({ controller }) => controller?.namespaces.map(({ uuid }) => uuid) ?? []);
    const listed = namespaces.map(({ uuid }) => uuid);
    const known = shown.length === 0 || (listed.length === 1 && shown.includes(listed[0] as string));
    if (!known) this.problems.push(`the namespaces are ${listed}, those of the paths ${shown}`);
    for (const namespace of namespaces) {
      const ways = this.#subsystem.pathsOf(namespace).length;
      const expected = shown.filter((uuid) => uuid === namespace.uuid).length;
      if (ways !== expected) this.problems.push(`${ways} of ${expected} paths are used`);
    }
  }

  /** Each block says which disk it is for. */
  #write(block: number): void {
    const [namespace] = this.#subsystem.namespaces;
    if (!namespace) return;
    const data = Buffer.alloc(blockSize);
    data.write(namespace.uuid);
    this.#open++;
    const ended = (error?: SpdkError) => {
      this.#open--;
      this.settled++;
      const expected = ['ERR_SPDK_NO_PATH', 'ERR_SPDK_NAMESPACE_GONE'];
      // A path may have lost the disk before it has said so.
      const invalidNamespace = error?.nvmeStatus?.sct === 0 && error.nvmeStatus.sc === 0x0b;
      if (error && !expected.includes(error.code) && !invalidNamespace) this.problems.push(String(error));
    };
    namespace.write(data, { offset: block * blockSize }).then(() => ended(), ended);
  }

  #check({ uuid, data }: MemoryNamespace): void {
    for (let at = 0; at < data.byteLength; at += blockSize) {
      const text = Buffer.from(data.subarray(at, at + 36)).toString('latin1');
      if (data[at] !== 0 && text !== uuid) this.problems.push(`disk ${uuid} has data for ${text}`);
    }
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    const ended = work.then(
      () => true,
      () => true,
    );
    await this.#pass(ms);
    // Without waiting for what does not end.
    if (!(await Promise.race([ended, false]))) this.problems.push('a detach has not ended in time');
  }

  async #pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }
}

afterEach(() => void vi.useRealTimers());

it('no disk gets what is for another one, and none is forgotten', { timeout: 90_000 }, async () => {
  let settled = 0;
  const steps = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      useFakeEventLoop();
      const world = new DiskWorld();
      try {
        await world.open();
        for (const one of sequence) await world.act(one);
        await world.finish();
        settled += world.settled;
        expect(world.problems).toEqual([]);
      } finally {
        world.restore();
        vi.useRealTimers();
      }
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: 60_000 },
  );
  expect(settled).toBeGreaterThan(runs);
});
