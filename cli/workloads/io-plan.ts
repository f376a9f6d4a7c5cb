import type { PollingMode } from 'spdk-nvme';

/** How a performance run chooses places and directions. */
export const patterns = ['randread', 'randwrite', 'randrw', 'read', 'write', 'rw'] as const;
export type Pattern = (typeof patterns)[number];

/** What one performance run does. */
export interface IoPlan {
  readonly pattern: Pattern;
  /** Bytes of each operation; a multiple of the block size. */
  readonly ioSize: number;
  /** Operations under way on each queue pair. */
  readonly depth: number;
  readonly api: 'batch' | 'promise';
  readonly polling: PollingMode;
  /** The share of reads of a mixed pattern, in percent. */
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

/** One operation: where, and in which direction. */
export interface Step {
  readonly offset: number;
  readonly write: boolean;
}

/** Chooses the operations of one queue pair, each in a part of the namespace of its own where it goes in order. */
export class Steps {
  readonly #plan: IoPlan;
  readonly #first: number;
  readonly #count: number;
  #next = 0;

  constructor(plan: IoPlan, namespaceBytes: number, queue: number, queues: number) {
    const places = Math.floor(namespaceBytes / plan.ioSize);
    this.#plan = plan;
    this.#count = Math.max(1, Math.floor(places / queues));
    this.#first = Math.min(queue * this.#count, places - 1);
  }

  next(): Step {
    const { pattern, ioSize, readPercent } = this.#plan;
    const random = pattern.startsWith('rand');
    const place = random ? Math.floor(Math.random() * this.#count) : this.#next++ % this.#count;
    const direction = pattern.replace('rand', '');
    const write = direction === 'write' || (direction === 'rw' && Math.random() * 100 >= readPercent);
    return { offset: (this.#first + place) * ioSize, write };
  }
}
