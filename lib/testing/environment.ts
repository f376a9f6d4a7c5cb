// The environment in memory: its controllers and its memory.

import { constants } from 'node:os';
import type {
  NativeAttachRequest,
  NativeController,
  NativeEnvironment,
  NativeOpenRequest,
  NativePollerStats,
  NativeRegion,
} from '../native/contract.js';
import type { MemoryStats } from '../types.js';
import { MemoryController } from './controller.js';
import type { MemoryRegions } from './regions.js';
import type { ControllerServices } from './services.js';

/** native/core/process/environment.h: controllers and memory of one environment. */
export class MemoryEnvironment implements NativeEnvironment {
  readonly request: NativeOpenRequest;
  readonly controllers: MemoryController[] = [];
  readonly memory: MemoryRegions;
  readonly #services: ControllerServices;
  readonly #onClosed: () => void;
  #closed = false;

  constructor(request: NativeOpenRequest, services: ControllerServices, onClosed: () => void) {
    this.request = request;
    this.#services = services;
    this.#onClosed = onClosed;
    this.memory = services.memory;
  }

  attach(request: NativeAttachRequest): NativeController | null {
    const rejection = this.#closed ? closed : this.#inUse(request);
    if (rejection) {
      request.attached(rejection);
      return null;
    }
    const controller = new MemoryController(request, this.#services);
    this.controllers.push(controller);
    return controller;
  }

  allocate({ bytes }: { bytes: number }): NativeRegion | null {
    return this.memory.allocate(bytes);
  }

  pins(): ArrayBuffer {
    return this.memory.pins.buffer as ArrayBuffer;
  }

  detachMemory(_id: number, memory: ArrayBuffer): void {
    this.memory.detachMemory(memory);
  }

  freeUnpinned(id: number): void {
    this.memory.freeUnpinned(id);
  }

  pollerStats(): NativePollerStats[] {
    const serves = (index: number) => (controller: MemoryController) =>
      !controller.finished && controller.rings.some((ring) => ring.poller() === index);
    return Array.from({ length: this.request.pollers }, (_, index) => ({
      polls: 0,
      idlePolls: 0,
      completions: 0,
      sleeps: 0,
      controllers: this.controllers.filter(serves(index)).length,
    }));
  }

  memoryUse(): MemoryStats {
    const { limitBytes, usedBytes, live } = this.memory;
    return {
      totalBytes: limitBytes,
      usedBytes,
      largestFreeBytes: limitBytes - usedBytes,
      ownBytes: usedBytes,
      ownBuffers: live.size,
    };
  }

  close({ timeoutMs, closed }: Parameters<NativeEnvironment['close']>[0]): void {
    const { scheduler, channel } = this.#services;
    this.#closed = true;
    const left = new Set(this.controllers.filter(({ finished }) => !finished));
    let reported = false;
    const end = () => {
      if (reported) return;
      reported = true;
      cancel();
      for (const controller of left) controller.wedge();
      const heldBy = [...left].map(({ name }) => name).join('\n');
      this.#onClosed();
      channel.post(() => closed(left.size === 0, heldBy));
    };
    const cancel = scheduler.after(timeoutMs, end);
    for (const controller of left) {
      controller.detach({ drainMs: 0, timeoutMs, done: () => {} });
      controller.cancelAttach();
      controller.whenFinished(() => {
        left.delete(controller);
        if (left.size === 0) end();
      });
    }
    // A wedged one has had its time, and may never end.
    if ([...left].every((controller) => controller.state() === 'wedged')) end();
  }

  #inUse(request: NativeAttachRequest) {
    const other = this.controllers.find(
      (one) =>
        one.state() !== 'detached' &&
        samePath(one.request, request) &&
        !(one.request.discovery && request.discovery),
    );
    if (!other) return undefined;
    const state = other.state();
    if (other.givenUp && state !== 'wedged') return ending;
    switch (state) {
      case 'wedged':
        return wedged;
      case 'attaching':
      case 'attached':
      case 'failed':
      case 'resetting':
        return other.leaving ? detaching : attachedAlready;
      default:
        return detaching;
    }
  }
}

function samePath(one: NativeAttachRequest, other: NativeAttachRequest): boolean {
  const keys = ['transportId', 'hostNqn', 'hostId', 'sourceAddress'] as const;
  return keys.every((key) => one[key] === other[key]);
}

const closed = { code: 'ERR_SPDK_ENV_CLOSED', message: 'the environment is closed' };
const attachedAlready = {
  code: 'ERR_SPDK_ALREADY_ATTACHED',
  message: 'this process has attached this controller already, or is attaching it',
};
const detaching = {
  code: 'ERR_SPDK_DETACHING',
  message: 'this controller is being detached; wait for its detach() first',
};
/** The error while an earlier attach ends by itself. */
const ending = {
  code: 'ERR_SPDK_DETACHING',
  message:
    'an earlier attach of this controller, which was cancelled or whose environment was closed, has not ended in SPDK yet',
  errno: constants.errno.EAGAIN,
};
const wedged = {
  code: 'ERR_SPDK_WEDGED',
  message: 'an earlier detach of this controller has not returned from SPDK',
};
