import { vi } from 'vitest';
import {
  type DmaBuffer,
  Environment,
  type SpdkError,
  type Subsystem,
  type SubsystemOptions,
} from '../../../lib/index.js';
import {
  type MemoryNamespace,
  type MemorySubsystem,
  type MemoryTarget,
  type Simulation,
  simulate,
} from '../../../lib/testing/index.js';
import { DiskModel, stamped } from './disk.js';
import { blocks, type PathStep } from './path-steps.js';

const nqn = 'nqn.2026-01.com.example:model';
/** As much as one command transfers: operations of several blocks are several commands. */
const blockSize = 4096;
const detachLimitMs = 2_000;
const invalidNamespace = 0x0b;
const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];

interface ModelWrite {
  readonly stamp: number;
  ok: boolean;
  /** Whether it may be carried out later. */
  late: boolean;
}

/** Three paths to one disk in memory, the model of its content, and all that went wrong. */
export class PathWorld {
  readonly problems: string[] = [];
  readonly #simulation: Simulation = simulate();
  readonly #targets: MemoryTarget[];
  readonly #sides: MemorySubsystem[];
  readonly #disk: MemoryNamespace;
  readonly #model = new DiskModel(1, blocks);
  /** By block: the writes in the order of their calls. */
  readonly #written: ModelWrite[][] = Array.from({ length: blocks }, () => []);
  #env!: Environment;
  #subsystem!: Subsystem;
  #open = 0;
  #ending = false;
  /** Whether a path has been without the namespace: when all are, it is gone, and the next one is another object. */
  #wasHidden = false;
  settled = 0;

  constructor() {
    this.#targets = addresses.map((traddr) => this.#simulation.addTarget({ traddr }));
    this.#sides = this.#targets.map((target) => target.addSubsystem(nqn));
    const [first, ...others] = this.#sides as [MemorySubsystem, ...MemorySubsystem[]];
    this.#disk = first.addNamespace(1, { blocks, blockSize });
    this.#disk.data.set(stamped(this.#model.initial, this.#disk.data.byteLength));
    for (const other of others) other.shareNamespace(this.#disk);
    for (const side of this.#sides) {
      side.maxTransferBytes = blockSize;
      side.anaTransitionSeconds = 255;
      side.commandRetryDelays = [1, 0, 0];
    }
  }

  async open(options: SubsystemOptions): Promise<void> {
    const opening = Environment.init();
    await this.#pass(5);
    this.#env = await opening;
    const ids = this.#sides.map(({ id }) => id);
    const attaching = this.#env.attachSubsystem(ids, {
      ctrlrLossTimeoutMs: Number.POSITIVE_INFINITY,
      reconnectDelayMs: 20,
      keepAliveMs: 1_000,
      ...options,
    });
    await this.#pass(50);
    this.#subsystem = await attaching;
  }

  async act(step: PathStep): Promise<void> {
    switch (step.kind) {
      case 'write':
      case 'read':
      case 'zero':
        this.#start(step);
        break;
      case 'pass':
        await this.#pass(step.ms);
        break;
      case 'ana':
        this.#sides[step.path]?.setAna(1, step.state);
        break;
      case 'latency':
        (this.#targets[step.path] as MemoryTarget).latencyMs = step.ms;
        break;
      default:
        this.#fault(step.kind, step.path);
    }
  }

  /** Everything is in order again: all that was begun ends, and the disk holds what was written last. */
  async finish(): Promise<void> {
    for (const [i, target] of this.#targets.entries()) {
      [target.rejection, target.silent, target.latencyMs] = [undefined, false, 0];
      this.#sides[i]?.setAna(1, 'optimized');
      this.#sides[i]?.shareNamespace(this.#disk);
    }
    const allUp = () => this.#subsystem.paths.every(({ state }) => state === 'up');
    for (let i = 0; i === 0 || (i < 40 && (this.#open > 0 || !allUp())); i++) {
      // One that is being detached is added when that has ended.
      for (const path of addresses.keys()) this.#fault('add', path);
      await this.#pass(250);
    }
    if (this.#open > 0) this.problems.push(`${this.#open} operations have not settled`);
    await this.#pass(500);
    const states = this.#subsystem.paths.map(({ state }) => state);
    if (states.some((state) => state !== 'up')) this.problems.push(`paths are ${states.join(', ')}`);
    const ways = this.#subsystem.namespaces.map((one) => this.#subsystem.pathsOf(one).length);
    if (ways.join() !== String(states.length)) this.problems.push(`namespaces have ${ways} paths`);
    for (const [block, writes] of this.#written.entries()) this.#checkBlock(block, writes);
    for (const { controller, pending, outstanding } of this.#env.stats().controllers) {
      if (pending + outstanding > 0)
        this.problems.push(
          `${controller.transportId.traddr} counts ${pending} and ${outstanding} operations`,
        );
    }
    await this.#leave();
  }

  /** The program leaves in the middle of everything: what it has begun ends all the same, and so does the detach. */
  async leaveAtOnce(): Promise<void> {
    await this.#leave();
    if (this.#open > 0) this.problems.push(`${this.#open} operations have not settled with the detach`);
  }

  async #leave(): Promise<void> {
    this.#ending = true;
    let left = false;
    const detached = this.#subsystem
      .detach({ drainMs: 20, timeoutMs: detachLimitMs })
      .catch((error) => this.problems.push(`detach: ${error.message}`))
      .then(() => {
        left = true;
      });
    await this.#pass(detachLimitMs + 10);
    if (!left) this.problems.push('the detach has not ended in time');
    await detached;
    const closed = this.#env.close();
    await this.#pass(2_000);
    await closed;
    this.problems.push(...this.#simulation.misuse);
    const timers = vi.getTimerCount();
    if (timers > 0) this.problems.push(`${timers} timers are left`);
  }

  restore(): void {
    this.#simulation.restore();
  }

  #start({ kind, block, most, dma, timeoutMs, onTimeout }: Extract<PathStep, { block: number }>): void {
    const [namespace] = this.#subsystem.namespaces;
    if (!namespace) return;
    const count = Math.min(most, blocks - block);
    const bytes = count * blockSize;
    const buffer = dma ? this.#env.allocate(bytes) : Buffer.alloc(bytes);
    const options = { offset: block * blockSize, ...(timeoutMs === null ? {} : { timeoutMs, onTimeout }) };
    const release = () => void (buffer as Partial<DmaBuffer>).release?.();
    this.#open++;
    if (kind === 'read') {
      const access = this.#model.beginRead(block, count);
      this.#watch(namespace.read(buffer, options), timeoutMs, (ok) => {
        const problem = this.#model.endRead(access, ok ? buffer : undefined);
        if (problem) this.problems.push(problem);
        release();
      });
      return;
    }
    const access = this.#model.beginWrite(block, count, ...(kind === 'zero' ? [0] : []));
    buffer.set(stamped(access.stamp, bytes));
    const entries = Array.from({ length: count }, (_, i) => {
      const entry = { stamp: access.stamp, ok: false, late: false };
      this.#written[block + i]?.push(entry);
      return entry;
    });
    const writing =
      kind === 'zero'
        ? namespace.writeZeroes({ ...options, length: bytes })
        : namespace.write(buffer, options);
    this.#watch(writing, timeoutMs, (ok, late) => {
      this.#model.endWrite(access, ok);
      for (const entry of entries) Object.assign(entry, { ok, late });
      release();
    });
    // The data was copied during the call, so this change must not reach the disk.
    if (!dma) buffer.fill(0xdd);
  }

  #watch(
    promise: Promise<unknown>,
    timeoutMs: number | null,
    ended: (ok: boolean, late: boolean) => void,
  ): void {
    const settle = (ok: boolean, late: boolean) => {
      this.#open--;
      this.settled++;
      ended(ok, late);
    };
    promise.then(
      () => settle(true, false),
      (error: SpdkError) => {
        if (!this.#isExpected(error, timeoutMs))
          this.problems.push(`rejected with ${error.code}: ${error.message}`);
        // One that has timed out and was ended at the controller is not carried out any more.
        settle(false, error.outcome === undefined || error.outcome === 'unknown');
      },
    );
  }

  #isExpected({ code, nvmeStatus }: SpdkError, timeoutMs: number | null): boolean {
    if (this.#ending && (code === 'ERR_SPDK_DETACHING' || code === 'ERR_SPDK_CONTROLLER_DETACHED'))
      return true;
    if (code === 'ERR_SPDK_TIMEOUT') return timeoutMs !== null;
    // No path is expected to reconnect, or the last path was removed.
    if (code === 'ERR_SPDK_NO_PATH') return true;
    if (this.#wasHidden && (code === 'ERR_SPDK_NAMESPACE_GONE' || nvmeStatus?.sc === invalidNamespace))
      return true;
    // Every path has rejected the operation, or its controller has asked for too many repetitions.
    return nvmeStatus?.sct === 3 || nvmeStatus?.crd !== undefined;
  }

  #fault(kind: string, i: number): void {
    const target = this.#targets[i] as MemoryTarget;
    const path = this.#subsystem.paths.find(({ transportId }) => transportId.traddr === addresses[i]);
    if (kind === 'down') {
      target.rejection = { code: 'ERR_SPDK_UNREACHABLE', message: 'gone' };
      target.dropLinks();
    }
    if (kind === 'up') target.rejection = undefined;
    if (kind === 'drop') target.dropLinks();
    if (kind === 'silent' || kind === 'speak') target.silent = kind === 'silent';
    if (kind === 'reject') target.failCommands({ sct: 3, sc: 0, count: 2 });
    if (kind === 'later') target.failCommands({ sc: 0x06, crd: 1, count: 2 });
    if (kind === 'prefer' && this.#subsystem.policy === 'active-passive') this.#subsystem.prefer(path);
    // A reset rejects while the path is being removed, and times out if the target is silent.
    if (kind === 'reset') path?.controller?.reset({ timeoutMs: 500 }).catch(() => {});
    if (kind === 'hide') {
      this.#wasHidden = true;
      this.#sides[i]?.removeNamespace(1);
    }
    if (kind === 'show') this.#sides[i]?.shareNamespace(this.#disk);
    if (kind === 'leave') path?.controller?.detach({ drainMs: 5, timeoutMs: 10_000 }).catch(() => {});
    if (kind === 'add' && (!path || path.state === 'detached'))
      this.#subsystem.addPath(this.#sides[i]?.id as string);
    if (kind === 'remove' && path) {
      // Removing a path may last long if its target is silent.
      this.#subsystem.removePath(path, { drainMs: 5, timeoutMs: 10_000 }).catch((error) => {
        // Of two calls at the same time for one path, the second one finds no path.
        if (error.code !== 'ERR_SPDK_INVALID_ARG_VALUE') this.problems.push(`removePath: ${error.message}`);
      });
    }
  }

  /** Of a block whose last write has succeeded, and whose earlier ones cannot be carried out any more, the last one stays. */
  #checkBlock(block: number, writes: readonly ModelWrite[]): void {
    const last = writes.at(-1);
    // Only writes of one object keep their order.
    if (this.#wasHidden || !last?.ok || writes.some(({ late }) => late)) return;
    const data = this.#disk.data.subarray(block * blockSize, (block + 1) * blockSize);
    if (!stamped(last.stamp, blockSize).equals(data))
      this.problems.push(`block ${block} lacks its last write`);
  }

  async #pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }
}
