// The addon without SPDK: targets in memory behind the same contract.

import { SpdkError } from '../errors/spdk-error.js';
import type { NativeAddon, NativeOpenRequest } from '../native/contract.js';
import { parseTransportId } from '../options/transport-id.js';
import { MemoryBufferPool } from './buffer-pool.js';
import { crc16T10Dif } from './crc16.js';
import { MemoryEnvironment } from './environment.js';
import { JsChannel } from './js-channel.js';
import { MemoryRegions } from './regions.js';
import { Scheduler } from './scheduler.js';
import { type MemoryAddress, MemoryTarget } from './target.js';
import { Violations } from './violations.js';

/** "Required key not available"; Node.js has no name for it. */
const enokey = 126;

/**
 * The addon without SPDK, hugepages or root: targets are objects, and their data is in ordinary memory. It keeps to
 * the contract of lib/native/contract.ts, and notes in `violations` whatever real native code could not survive.
 */
export class MemoryAddon implements NativeAddon {
  readonly version = {
    ...{ major: 26, minor: 5, patch: 0, text: 'SPDK v26.05 in memory', patches: '' },
    ...({ linkage: 'static', dpdkLinkage: 'static', firstWithVerify: '' } as const),
  };
  readonly processHostId = '0123456789ab4cde8f0123456789abcd';
  readonly BufferPool = MemoryBufferPool;
  readonly violations = new Violations();
  readonly scheduler = new Scheduler();
  readonly channel = new JsChannel(this.scheduler);
  readonly environments: MemoryEnvironment[] = [];
  readonly #targets: MemoryTarget[] = [];
  #open = false;

  guards(data: Uint8Array, blockBytes: number, coveredBytes: number): Uint16Array {
    return Uint16Array.from({ length: data.byteLength / blockBytes }, (_, i) =>
      crc16T10Dif(data.subarray(i * blockBytes, i * blockBytes + coveredBytes)),
    );
  }

  /** Finds no key: there are no kernel keys in memory. */
  readKernelKey(): number {
    return enokey;
  }

  addTarget(address?: MemoryAddress): MemoryTarget {
    const target = MemoryTarget.create(this.scheduler, address);
    const { traddr, trsvcid } = target;
    if (this.#targets.some((other) => other.traddr === traddr && other.trsvcid === trsvcid)) {
      throw new SpdkError(
        'ERR_SPDK_INVALID_ARG_VALUE',
        `traddr and trsvcid must be an address without a target; ${traddr}:${trsvcid} has one`,
      );
    }
    this.#targets.push(target);
    return target;
  }

  open(request: NativeOpenRequest): void {
    if (this.#open) {
      request.opened({ code: 'ERR_SPDK_ENV_ALREADY_OPEN', message: 'SPDK is open' });
      return;
    }
    this.#open = true;
    const services = {
      memory: new MemoryRegions(this.violations, this.environments.length, request.memoryMb),
      scheduler: this.scheduler,
      channel: this.channel,
      violations: this.violations,
      pollers: request.pollers,
      findTarget: (transportId: string) => this.#find(transportId),
    };
    const environment = new MemoryEnvironment(request, services, () => {
      this.#open = false;
    });
    this.environments.push(environment);
    this.channel.post(() => request.opened(null, environment));
  }

  #find(text: string) {
    const id = parseTransportId(text);
    return this.#targets.find(({ traddr, trsvcid }) => traddr === id.traddr && trsvcid === id.trsvcid);
  }
}
