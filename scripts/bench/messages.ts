import type { Steps } from './steps.js';

/** What the guest reports to the host: one line of JSON each on its standard output. */
export type Message = About | Turn;

/** Where it is measured; the first message. */
export interface About {
  readonly kind: 'about';
  readonly spdk: string;
  readonly device: string;
  readonly node: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
}

export type SideName = 'binding' | 'native' | 'nvmeCli';

export interface Cycle {
  readonly attachMs: number;
  readonly detachMs: number;
  /** The parts of both; nvme-cli reports none. */
  readonly steps?: Steps;
}

/** The cycles that one side has just done in its turn. */
export interface Turn {
  readonly kind: 'turn';
  readonly side: SideName;
  readonly ioQueues: number;
  readonly round: number;
  readonly cycles: readonly Cycle[];
  /** Cycles that ended in an error beside those: on a busy machine the connection manager's time can be too short. */
  readonly failed: number;
}
