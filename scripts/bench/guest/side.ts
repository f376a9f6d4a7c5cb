import type { Cycle, SideName } from '../messages.js';

/** One way to attach and detach. Idle, and without the processor, until it is asked for cycles. */
export interface Side {
  readonly name: SideName;
  run(ioQueues: number, cycles: number): Promise<Cycle[]>;
  close(): Promise<void>;
}
