// The plan of a performance run, and the operations that follow from it.

import type { PollingMode } from 'spdk-nvme';
import type { Verifier } from './verifier.js';

/** How a performance run chooses offsets and directions. */
export const patterns = ['randread', 'randwrite', 'randrw', 'read', 'write', 'rw'] as const;
export type Pattern = (typeof patterns)[number];

/** What one performance run does. */
export interface IoPlan {
  readonly pattern: Pattern;
  /** The part of the namespace that is read and written, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** Bytes of each operation; a multiple of the block size. */
  readonly ioSize: number;
  /** Operations under way on each queue pair. */
  readonly depth: number;
  readonly api: 'batch' | 'promise';
  readonly polling: PollingMode;
  /** The percentage of reads: 100 or 0 for a pattern that is not mixed. */
  readonly readPercent: number;
  /** How long is measured. */
  readonly seconds: number;
  /** How long the load runs before anything is measured. */
  readonly rampSeconds: number;
  /** Operations a second at most, over all queue pairs; undefined: as many as there can be. */
  readonly rate: number | undefined;
  /** Whether everything that is read was written by this run, and is compared with it. */
  readonly verify: boolean;
}

/** Whether a run writes to the target. */
export function writes({ pattern, verify }: Pick<IoPlan, 'pattern' | 'verify'>): boolean {
  return verify || !(pattern === 'randread' || pattern === 'read');
}

/** Whether a pattern has reads and writes. */
export function isMixed(pattern: Pattern): boolean {
  return pattern === 'randrw' || pattern === 'rw';
}

/** How many units the range of a run has: each is as long as one operation, and `--verify` has one operation at a time on it. */
export function unitsOf({ length, ioSize }: Pick<IoPlan, 'length' | 'ioSize'>): number {
  return Math.floor(length / ioSize);
}

/** One operation: where, and in which direction. */
export interface Step {
  /** The number of the unit in the range, and its offset in the namespace. */
  readonly unit: number;
  readonly offset: number;
  readonly write: boolean;
}

/** Chooses the operations of one queue pair, each in a part of the range of its own. */
export class Steps {
  readonly #plan: IoPlan;
  readonly #random: boolean;
  readonly #first: number;
  readonly #count: number;
  readonly #verifier: Verifier | undefined;
  #next = 0;

  constructor(plan: IoPlan, queue: number, queues: number, verifier?: Verifier) {
    const units = unitsOf(plan);
    this.#plan = plan;
    this.#random = plan.pattern.startsWith('rand');
    this.#verifier = verifier;
    this.#count = Math.max(1, Math.floor(units / queues));
    this.#first = Math.min(queue * this.#count, units - 1);
  }

  next(): Step {
    const { ioSize, readPercent, offset } = this.#plan;
    const wanted = this.#random ? Math.floor(Math.random() * this.#count) : this.#next++ % this.#count;
    const unit = this.#verifier?.take(this.#first, this.#count, wanted) ?? this.#first + wanted;
    return { unit, offset: offset + unit * ioSize, write: Math.random() * 100 >= readPercent };
  }
}
