import type { AttachOptions } from 'spdk-nvme';

/** What one run of the attach and detach loops does. */
export interface StressOptions {
  /** Ends the run; undefined where `seconds` does. */
  readonly loops?: number | undefined;
  readonly seconds?: number | undefined;
  readonly pollers: number;
  readonly ioQueues: number;
  /** Hugepage memory to reserve at the start, in MiB. */
  readonly memoryMb: number;
  /** Whether SPDK's own log lines are shown. */
  readonly verbose: boolean;
  /** The time limit of each attach, read and detach in milliseconds; what takes longer is counted as a hang. */
  readonly limitMs: number;
  /** Further options of each attach: who this host is, and how it connects. */
  readonly attach: Pick<AttachOptions, 'hostNqn' | 'hostId' | 'sourceAddress' | 'keepAliveMs'>;
  /** The targets that are attached at the same time, one controller each. */
  readonly transportIds: readonly string[];
  /** Whether reads are under way while the controllers are detached. */
  readonly reads: boolean;
  /** The RDMA device whose resources are counted; undefined: none is. */
  readonly rdmaDevice?: string | undefined;
}
