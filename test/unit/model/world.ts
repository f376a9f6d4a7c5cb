import { getEventListeners } from 'node:events';
import {
  type AttachOptions,
  type Batch,
  type Controller,
  Environment,
  formatTransportId,
  type Namespace,
} from '../../../lib/index.js';
import { useAddon } from '../../../lib/native/addon.js';
import { MemoryAddon } from '../../../lib/testing/addon.js';
import type { MemoryController } from '../../../lib/testing/controller.js';
import type { MemorySubsystem } from '../../../lib/testing/subsystem.js';
import type { MemoryTarget } from '../../../lib/testing/target.js';
import { finishBatch } from './batches.js';
import { Calls } from './calls.js';
import { DiskModel, stamped } from './disk.js';

export const blocksOfDisk = 16;

/** A subsystem with one namespace, and what it may hold. */
export interface Disk {
  readonly id: string;
  readonly target: MemoryTarget;
  readonly subsystem: MemorySubsystem;
  readonly model: DiskModel;
}

/** A controller that was attached, and the events that it has emitted. */
export interface Attached {
  readonly controller: Controller;
  readonly native: MemoryController;
  readonly disk: Disk;
  /** All namespace objects that it has had. */
  readonly namespaces: Set<Namespace>;
  readonly heard: { failed: number; detached: number; resets: number };
  /** Whether its detach was requested. */
  leaving: boolean;
  /** Whether it is wedged. */
  wedged: boolean;
}

interface BatchCommand {
  readonly end: (status: number) => void;
  sent: boolean;
}

/** A batch, its commands by tag, and how to check each. */
export interface OpenBatch {
  readonly batch: Batch;
  readonly attached: Attached;
  readonly commands: Map<number, BatchCommand>;
  nextTag: number;
  closed: boolean;
}

/** The state of one run of the model. */
export class World {
  readonly addon = new MemoryAddon();
  readonly calls = new Calls();
  readonly disks: Disk[] = [];
  readonly attached: Attached[] = [];
  readonly batches: OpenBatch[] = [];
  readonly aborters: AbortController[] = [];
  readonly blockSize: number;
  env!: Environment;
  closing = false;
  nextReset = 1;
  /** Operations that ended without the controller: by their time limit, their signal, or for want of memory. */
  endedHere = 0;
  readonly #checks: (() => void)[] = [];

  /** @param blockSize of all disks; large ones make operations of several commands */
  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  get problems(): readonly string[] {
    return this.calls.problems;
  }

  problem(what: string): void {
    this.calls.problem(what);
  }

  get targets(): MemoryTarget[] {
    return [...new Set(this.disks.map(({ target }) => target))];
  }

  get natives(): MemoryController[] {
    return this.addon.environments.flatMap(({ controllers }) => controllers);
  }

  async open(): Promise<void> {
    useAddon(this.addon);
    for (const [traddr, names] of [
      ['10.0.0.1', ['a', 'b']],
      ['10.0.0.2', ['c']],
    ] as const) {
      const target = this.addon.addTarget({ traddr, trsvcid: '4420' });
      for (const name of names) this.#addDisk(target, name);
    }
    const opening = Environment.init({ pollers: 2 });
    await this.pass(10);
    this.env = await opening;
    this.env.on('attached', (controller) => this.#heardOf(controller, 'attached'));
    this.env.on('failed', (controller) => this.#heardOf(controller, 'failed'));
    this.env.on('detached', (controller) => this.#heardOf(controller, 'detached'));
  }

  /** Lets that many milliseconds pass, and checks what must hold at any time. */
  async pass(ms: number): Promise<void> {
    const { vi } = await import('vitest');
    await vi.advanceTimersByTimeAsync(ms);
    this.check();
  }

  attach(disk: Disk, options: AttachOptions, limitMs: number): void {
    const promise = this.env.attach(disk.id, options);
    this.calls.watch(`attach of ${disk.subsystem.nqn}`, limitMs, promise, (controller) => {
      // The call may have waited for the end of an earlier attach before there was one.
      const id = formatTransportId(controller.transportId);
      const native = this.natives.findLast(({ request }) => request.transportId === id);
      if (!native) {
        this.problem('an attach was fulfilled that native code knows nothing of');
        return;
      }
      const heard = { failed: 0, detached: 0, resets: 0 };
      const namespaces = new Set(controller.namespaces);
      const attached: Attached = {
        controller,
        native,
        disk,
        namespaces,
        heard,
        leaving: false,
        wedged: false,
      };
      controller.on('state', (state) => {
        attached.wedged ||= state === 'wedged';
      });
      controller.setMaxListeners(0);
      controller.on('failed', () => heard.failed++);
      controller.on('detached', () => heard.detached++);
      controller.on('reset', () => heard.resets++);
      controller.on('namespaces', (list) => {
        for (const namespace of list) namespaces.add(namespace);
      });
      this.attached.push(attached);
    });
  }

  /** A check that runs at the end. */
  later(check: () => void): void {
    this.#checks.push(check);
  }

  /** Checks what must hold at any time. */
  check(): void {
    this.calls.checkDeadlines();
    for (const { controller, native } of this.attached) {
      for (const queuePair of controller.queuePairs) {
        const seen = native.rings[queuePair.index]?.pending;
        if (queuePair.pending < 0) this.problem(`${queuePair.pending} operations are pending`);
        if (seen !== queuePair.pending)
          this.problem(`native code sees ${seen}, not ${queuePair.pending} pending`);
      }
    }
    for (const what of this.addon.violations.list.splice(0)) this.problem(what);
  }

  /** Ends every fault. */
  heal(): void {
    for (const target of this.targets) {
      target.silent = false;
      target.rejection = undefined;
      target.latencyMs = 0;
      target.connectMs = 1;
    }
    for (const native of this.natives) native.stuck = false;
    for (const { memory } of this.addon.environments) memory.limitBytes = 2 ** 30;
  }

  close(timeoutMs: number): void {
    // The first call may take half a second more, to say where threads are.
    const limitMs = this.closing ? timeoutMs : timeoutMs + 500;
    this.closing = true;
    for (const attached of this.attached) attached.leaving = true;
    this.calls.watch('close', limitMs, this.env.close({ timeoutMs }));
  }

  /** Closes everything, and checks what remains. */
  async finish(healedFirst: boolean): Promise<void> {
    if (healedFirst) {
      this.heal();
      await this.pass(2_000);
      // With nothing in their way all operations end, without limits of their own.
      for (const name of this.calls.open) this.problem(`${name} does not go on`);
    }
    this.close(2_000);
    await this.pass(6_000);
    this.heal();
    await this.pass(6_000);
    for (const batch of this.batches) finishBatch(this, batch);
    for (const check of this.#checks) check();
    for (const name of this.calls.open) this.problem(`${name} has not settled`);
    for (const { memory } of this.addon.environments) {
      for (const id of memory.pinned) this.problem(`region ${id} is still pinned`);
    }
    for (const { signal } of this.aborters) {
      const left = getEventListeners(signal, 'abort').length;
      if (left > 0) this.problem(`${left} listeners are left on a signal`);
    }
    for (const { native, heard, controller } of this.attached) {
      const { failures, finished } = native;
      if (heard.failed !== failures) this.problem(`failed ${failures} times, reported ${heard.failed} times`);
      if (finished && heard.detached !== 1)
        this.problem(`reported ${heard.detached} times that it is detached`);
      if (controller.queuePairs.some(({ pending }) => pending !== 0)) {
        this.problem('operations are pending on a controller that is gone');
      }
    }
    this.check();
  }

  #addDisk(target: MemoryTarget, name: string): void {
    const nqn = `nqn.2026-01.io.spdk:${name}`;
    const subsystem = target.addSubsystem(nqn);
    const ns = subsystem.addNamespace(1, { blocks: blocksOfDisk, blockSize: this.blockSize });
    const model = new DiskModel(this.disks.length + 1, blocksOfDisk);
    ns.data.set(stamped(model.initial, ns.data.byteLength));
    const { id } = subsystem;
    this.disks.push({ id, target, subsystem, model });
  }

  #heardOf(controller: Controller, event: string): void {
    if (this.attached.some((one) => one.controller === controller)) return;
    this.problem(`the event ${event} came before attach() was fulfilled`);
  }
}

/** Resets a controller. Nothing of it is open any more once the controller is detached. */
export function resetOf(world: World, attached: Attached, timeoutMs: number): void {
  const name = `reset ${world.nextReset++} of ${attached.controller.transportId.subnqn}`;
  const { controller } = attached;
  world.calls.watch(name, timeoutMs, controller.reset({ timeoutMs }));
  const check = () => {
    if (world.calls.open.includes(name)) world.problem(`${name} is open though the controller is detached`);
  };
  controller.once('detached', () => setTimeout(check, 1));
}

/** Detaches a controller, and adds up what its report says. */
export function detachOf(world: World, attached: Attached, drainMs: number, timeoutMs: number): void {
  const first = !attached.leaving;
  attached.leaving = true;
  const { queuePairs } = attached.controller;
  const outstanding = queuePairs.reduce((sum, { pending }) => sum + pending, 0);
  const { endedHere } = world;
  // Half a second more to say where its threads are.
  const limitMs = first ? timeoutMs + 500 : timeoutMs;
  const detach = attached.controller.detach({ drainMs, timeoutMs });
  world.calls.watch('detach', limitMs, detach, ({ completed, aborted }) => {
    const all = completed + aborted;
    if (first && (all > outstanding || all < outstanding - (world.endedHere - endedHere))) {
      world.problem(`${outstanding} were outstanding, ${completed} completed, ${aborted} were aborted`);
    }
  });
}
