// The admin queue of a controller in memory.

import type { NativeAdminRequest } from '../native/contract.js';
import { receivesData } from '../nvme/opcode.js';
import type { MemoryAdminResult } from './admin.js';
import type { Connection } from './connection.js';
import type { JsChannel } from './js-channel.js';
import type { Scheduler } from './scheduler.js';
import { abortedStatus } from './statuses.js';

const maxBytes = 1_048_576;
const asyncEventRequest = 0x0c;

/** native/core/connection/admin_commands.h, with the checks of the binding. */
export class AdminQueue {
  readonly #scheduler: Scheduler;
  readonly #channel: JsChannel;
  readonly #waiting = new Set<() => void>();
  #pending = 0;
  #leaving = false;

  constructor(scheduler: Scheduler, channel: JsChannel) {
    this.#scheduler = scheduler;
    this.#channel = channel;
  }

  /** Commands that a detach waits for: not those that are given up, nor Asynchronous Event Requests, which wait for an event. */
  get pending(): number {
    return this.#pending;
  }

  /** The controller is being detached, so its end is no failure. */
  leave(): void {
    this.#leaving = true;
  }

  /**
   * @param connection where it goes when its turn comes; undefined where there is none
   * @returns what gives it up
   */
  add(request: NativeAdminRequest, connection: () => Connection | undefined): () => void {
    const dwords = ['cdw10', 'cdw11', 'cdw12', 'cdw13', 'cdw14', 'cdw15'] as const;
    const cdw = dwords.map((name) => integer(request[name], name, 0xffff_ffff));
    const opcode = integer(request.opcode, 'opcode', 0xff);
    const nsid = integer(request.nsid, 'nsid', 0xffff_ffff);
    const tag = integer(request.tag, 'tag', 0xffff_ffff);
    if (!(request.data instanceof Uint8Array) || request.data.byteLength > maxBytes) {
      throw new TypeError('data must be a Uint8Array of up to 1048576 bytes');
    }
    const data = Uint8Array.from(request.data);
    let drained = opcode === asyncEventRequest ? 0 : 1;
    this.#pending += drained;
    let givenUp = false;
    const leave = () => {
      this.#pending -= drained;
      drained = 0;
    };
    const rejectWith = (code: string, why: string) => {
      leave();
      const message = `the admin command was not sent: ${why}`;
      this.#channel.post(() => request.done({ code, message }, 0, empty()));
    };
    const reject = () =>
      this.#leaving
        ? rejectWith('ERR_SPDK_CONTROLLER_DETACHED', 'the controller was detached')
        : rejectWith('ERR_SPDK_CONTROLLER_FAILED', 'the controller has no connection');
    this.#waiting.add(reject);
    this.#scheduler.after(0, () => {
      if (!this.#waiting.delete(reject)) return;
      const way = connection();
      if (givenUp) rejectWith('ERR_SPDK_ABORTED', 'its caller has stopped waiting');
      else if (!way) reject();
      else if (!way.has(nsid, tag))
        rejectWith('ERR_SPDK_NAMESPACE_GONE', 'its namespace is gone, or another one has its id');
      else
        way.admin({ opcode, nsid, cdw, data }, (result) => {
          leave();
          this.#complete(request, opcode, result);
        });
    });
    return () => {
      givenUp = true;
      leave();
    };
  }

  /** Ends the commands that have not been sent. */
  abort(): void {
    const rejections = [...this.#waiting];
    this.#waiting.clear();
    for (const reject of rejections) reject();
  }

  #complete(request: NativeAdminRequest, opcode: number, result: MemoryAdminResult | undefined): void {
    const status = result ? result.status : abortedStatus;
    this.#channel.post(() => {
      if (status === 0 && result) {
        const data = receivesData(opcode) ? Buffer.from(result.data) : empty();
        request.done(null, result.cdw0, data);
        return;
      }
      const message = result
        ? 'the controller rejected the admin command'
        : 'the connection ended before the controller completed the admin command';
      const nvme = { sct: (status >> 8) & 0x7, sc: status & 0xff, dnr: false };
      request.done({ code: 'ERR_SPDK_IO_FAILED', message, ...nvme }, 0, empty());
    });
  }
}

function integer(value: number, name: string, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new TypeError(`${name} is out of range`);
  return value;
}

function empty(): Buffer {
  return Buffer.alloc(0);
}
