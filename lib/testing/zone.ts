// One zone of a namespace in memory.

import { type ZoneState, zoneStates } from '../nvme/zones.js';
import { checkInteger, checkOneOf } from '../options/arguments.js';
import { optional } from '../options/common.js';
import { bytes } from './settable.js';

/** A zone of a namespace in memory. Tests may change its state. */
export interface MemoryZone {
  readonly first: number;
  /** Blocks that are written. */
  written: number;
  state: ZoneState;
  extension: Buffer | undefined;
}

/** What all zones of a namespace have in common. */
export interface ZoneLimits {
  readonly zoneBlocks: number;
  readonly capacityBlocks: number;
  readonly maxOpen: number;
  readonly maxActive: number;
  readonly appendShift: number;
  readonly extensionBytes: number;
}

/** A zone that checks what it is set to. */
export class CheckedZone implements MemoryZone {
  readonly first: number;
  readonly #limits: ZoneLimits;
  #written = 0;
  #state: ZoneState = 'empty';
  #extension: Buffer | undefined;

  constructor(first: number, limits: ZoneLimits) {
    this.first = first;
    this.#limits = limits;
  }

  get written(): number {
    return this.#written;
  }

  set written(written: number) {
    this.#written = checkInteger(written, 'written', 0, this.#limits.capacityBlocks);
  }

  get state(): ZoneState {
    return this.#state;
  }

  set state(state: ZoneState) {
    this.#state = checkOneOf(state, 'state', Object.keys(zoneStates) as ZoneState[]);
  }

  get extension(): Buffer | undefined {
    return this.#extension;
  }

  set extension(extension: Buffer | undefined) {
    this.#extension = optional(extension, (value) =>
      Buffer.from(bytes(() => this.#limits.extensionBytes)(value, 'extension')),
    );
  }
}
